//! What invite-cleanup says, and what it refuses to begin with.

use super::*;

#[test]
fn it_is_described() {
    assert_snapshot!(run_bare(&["jobs", "describe", "invite-cleanup"]).transcript(), @r#"
    exit code 0
    --- stdout
    invite-cleanup
      A job for cleaning up expired invites

    Removes
      Guest invites that are inactive, and guest invites that expired before a given
      point in time, with the permissions they gave.

    Keeps
      Active invites without an expiration, or with one at or after that point in
      time; rooms and events; invitations of users and by e-mail.

    Order
      First what earlier runs of other jobs left behind: stored objects and shared
      folders that could not be deleted. Then the invites, batch by batch, the
      oldest first: in one transaction the permissions that they gave and the
      invites.

    Beside the running platform
      Yes. Transactions are short, and a lock is waited for half a second at most.
      What the platform has locked is tried again at the end of the run, and is a
      failure if it still is locked. An invite that is good again when its turn
      comes stays.

    Parameters
      expired_before: an RFC 3339 time with a zone, or null [default: null]
          Active invites that expired before this point in time, such as
          "2026-01-31T12:00:00+01:00", are deleted; null stands for the start of the
          run. Inactive invites are deleted whenever they expire.
    "#);
    assert_snapshot!(run_bare(&["jobs", "default-parameters", "invite-cleanup"]).transcript(), @r#"
    exit code 0
    --- stdout
    {
      "expired_before": null
    }
    "#);
}

#[test]
fn what_is_done_is_told() {
    let site = Site::new(Postgres, StorageKind::S3);
    let execute = |more: &[&str]| {
        site.upkeep(&[&["jobs", "execute", "invite-cleanup", "--hide-duration"], more].concat()).transcript_at(&site)
    };
    assert_snapshot!(execute(&[]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] expired_before is null, which stands for now
    [INFO ] Looking for invites that are inactive or expired before [instant]
    [INFO ] No inactive or expired invites found
    [INFO ]
    [INFO ] Job finished successfully
    ");
    let event = event(&site);
    invite_to(&site, event.room, &[expired(), expired(), good()]);
    let before = ["--parameters", r#"{"expired_before": "2199-12-31T13:00:00.5+01:00"}"#, "--dry-run"];
    assert_snapshot!(execute(&before), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Looking for invites that are inactive or expired before [instant]
    [WARN ] expired_before lies ahead: invites that are still good until then go as well
    [INFO ] Would delete invite [uuid]
    [INFO ] Would delete invite [uuid]
    [INFO ] Would delete invite [uuid]
    [INFO ] Would delete 3 invites
    [INFO ]   from invites: 3
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(execute(&[]), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] expired_before is null, which stands for now
    [INFO ] Looking for invites that are inactive or expired before [instant]
    [INFO ] Deleted 2 invites of 2 due
    [INFO ]
    [INFO ] Job finished successfully
    ");
}

#[test]
fn wrong_parameters_are_named_before_anything_is_connected() {
    let mut said = String::new();
    let wrong = [
        r#""""#,
        r#""yesterday""#,
        r#""2026-01-31""#,
        r#""2026-01-31T12:00:00""#,
        r#""2026-02-30T12:00:00Z""#,
        r#""2026-01-31T25:00:00Z""#,
        r#""2026-01-31T12:00:00+25:00""#,
        r#""20260131T120000Z""#,
        r#""+12026-01-31T12:00:00Z""#,
        r#""2026-01-31T12:00:00Z ""#,
        r#""2026-01-31T12:00:00 Europe/Berlin""#,
        "0",
        "1769860800",
        "-1",
        "1.5",
        "true",
        "[]",
        "{}",
    ];
    for value in wrong {
        let given = format!("{{\"expired_before\": {value}}}");
        said += &refused(&given);
    }
    said += &refused(r#"{"expired_befor": null}"#);
    assert_snapshot!(said, @r#"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text ""
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "yesterday"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "2026-01-31"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "2026-01-31T12:00:00"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "2026-02-30T12:00:00Z"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "2026-01-31T25:00:00Z"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "2026-01-31T12:00:00+25:00"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "20260131T120000Z"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "+12026-01-31T12:00:00Z"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "2026-01-31T12:00:00Z "
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not the text "2026-01-31T12:00:00 Europe/Berlin"
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not 0
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not 1769860800
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not -1
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not 1.5
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not true
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not a list
    error: parameter expired_before: expected an RFC 3339 time with a zone, or null, not an object
    error: invite-cleanup has no parameter "expired_befor"; did you mean expired_before?
    "#);
}

/// What is said of these parameters; a configuration that does not exist is not even looked at.
fn refused(parameters: &str) -> String {
    let nowhere = ["--config", "/nonexistent/upkeep.toml", "jobs", "execute", "invite-cleanup", "--parameters"];
    let run = run_bare(&[&nowhere[..], &[parameters]].concat()).expect(2);
    let mut lines = run.stderr.lines().map(str::to_owned);
    let error = lines.next().unwrap();
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["hint: `upkeep jobs describe invite-cleanup` lists the parameters of this job"]
    );
    error + "\n"
}

#[test]
fn deletion_can_be_switched_off() {
    for database in [Postgres, Sqlite] {
        let mut site = Site::new(database, StorageKind::Directory);
        let event = event(&site);
        invite_to(&site, event.room, &[expired()]);
        site.set("safety", "deletion = false");
        let before = site.state();
        let run = clean_up(&site, &[]).expect(4);
        assert!(run.stderr.contains("deletion = false"), "{run:?}");
        assert!(site.state() == before);
        assert_eq!(clean_up(&site, &["--dry-run"]).expect(0).report()["plan"]["rows"]["invites"], 1);
    }
}
