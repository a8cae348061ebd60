//! Invites with the platform at work.

use super::*;

/// The platform prolongs one invite and has not committed when upkeep comes to it.
#[test]
fn an_invite_that_is_being_prolonged_survives() {
    for (change, ending, survives) in [
        ("UPDATE invites SET expiration = now() + interval '1 day'", "COMMIT", true),
        ("UPDATE invites SET expiration = NULL", "COMMIT", true),
        ("UPDATE invites SET expiration = NULL", "ROLLBACK", false),
        ("DELETE FROM invites", "COMMIT", false),
    ] {
        let site = Site::new(Postgres, StorageKind::Directory);
        let event = event(&site);
        let (changed, passing) = (expired(), expired());
        invite_to(&site, event.room, &[changed, passing]);
        let mut platform = site.platform();
        platform.batch_execute(&format!("BEGIN; {change} WHERE id = '{}'", changed.id)).unwrap();
        let child = site.start_job("invite-cleanup", &[]);
        wait_until("the invite was passed over", || !left(&site).contains(&passing.id));
        platform.batch_execute(ending).unwrap();
        let report = finish(child).expect(0).report();
        assert_eq!(left(&site).contains(&changed.id), survives, "{change} {ending}");
        let by_itself = u64::from(change.starts_with("DELETE"));
        assert_eq!(report["counts"]["deleted"], 2 - u64::from(survives) - by_itself, "{change} {ending}");
        assert_eq!(report["counts"]["skipped"], u64::from(survives) + by_itself);
        assert_eq!(report["counts"]["failed"], 0);
    }
}

#[test]
fn an_invite_that_stays_locked_is_a_failed_item_and_a_time_limit_ends_the_wait() {
    let site = Site::new(Postgres, StorageKind::Directory);
    let event = event(&site);
    let locked = expired();
    invite_to(&site, event.room, &[locked, expired()]);
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    lock.batch_execute(&format!("SELECT 1 FROM invites WHERE id = '{}' FOR UPDATE", locked.id)).unwrap();
    let timed_out = clean_up(&site, &["--timeout", "1500ms"]).expect(124).report();
    assert_eq!(timed_out["outcome"], "timed_out");
    let report = clean_up(&site, &[]).expect(3).report();
    assert_eq!(timed_out["counts"]["deleted"].as_u64().unwrap() + report["counts"]["deleted"].as_u64().unwrap(), 1);
    assert_eq!(report["counts"]["failed"], 1);
    assert_eq!(report["failures"][0]["subject"], locked.id.to_string());
    assert!(report["failures"][0]["reason"].as_str().unwrap().contains("lock"), "{report}");
    lock.rollback().unwrap();
    assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], 1);
}
