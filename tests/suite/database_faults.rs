//! A database that goes away in the middle: what was committed counts, what was not is done again or left alone.

use std::sync::Mutex;

use upkeep_test_servers::cutter::Cut;
use upkeep_test_servers::{Cutter, PgBouncer, Postgres};

use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind, is_trial, once};

/// Runs event-cleanup on a fresh sample, loses the connection at `cut`, and expects everything to be done and counted
/// all the same. Answers whether the run got as far as the cut.
fn survives(site: &mut Site, cut: Cut) -> bool {
    let cutter = Cutter::in_front_of(Postgres::shared().port(), cut.clone());
    site.set_database_port(cutter.port());
    site.fill(&Sample::of((0..3).map(|_| Event::ended(31).with_assets(2))));
    let run = site.upkeep(&["-v", "jobs", "execute", "event-cleanup", "--output", "json"]);
    let what = format!("{cut:?}: {run:#?}");
    assert_eq!(run.code, Some(0), "{what}");
    let report = run.report();
    assert_eq!(report["counts"]["deleted"], 3, "{what}");
    assert_eq!(report["counts"]["matched"], 3, "{what}");
    assert_eq!(report["counts"]["examined"], 3, "{what}");
    assert_eq!(report["objects_deleted"], 6, "{what}");
    assert_eq!(report["rows"]["events"], 3, "{what}");
    assert_eq!(report["rows"]["room_assets"], 6, "{what}");
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty(), "{what}");
    assert!(site.rows_of("assets").is_empty() && site.rows_of("rooms").is_empty(), "{what}");
    assert_eq!(site.number("SELECT count(*) FROM upkeep_leases"), 0, "{what}");
    assert_eq!(site.number("SELECT count(*) FROM upkeep_runs WHERE outcome <> 'succeeded'"), 0, "{what}");
    cutter.has_cut(&cut)
}

/// At each commit of a run, once before the server gets it and once after.
#[test]
fn a_commit_that_is_lost_or_goes_unanswered_counts_as_what_became_of_it() {
    for delivered in [false, true] {
        let mut site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
        let mut occurrence = 1;
        while survives(&mut site, Cut { at: b"COMMIT\0".into(), occurrence, delivered }) {
            occurrence += 1;
        }
        assert!(occurrence > 8, "a run has {occurrence} commits?");
    }
}

/// At every eleventh of all queries, and at the ones that matter most.
#[test]
fn a_statement_that_is_lost_is_done_again() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    for (at, step) in [("SELECT", 11), ("DELETE FROM", 6), ("INSERT INTO upkeep_pending", 1), ("BEGIN", 6)] {
        for delivered in [false, true] {
            let mut occurrence = 1;
            while survives(&mut site, Cut { at: at.into(), occurrence, delivered }) {
                occurrence += step;
            }
            assert!(occurrence > 1, "{at}");
        }
    }
}

#[test]
fn a_server_that_is_gone_for_good_is_said_to_be() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    let never = Cut { at: b"this is sent by nobody".into(), occurrence: 1, delivered: false };
    let cutter = Mutex::new(Some(Cutter::in_front_of(Postgres::shared().port(), never)));
    site.set_database_port(cutter.lock().unwrap().as_ref().unwrap().port());
    let sample = Sample::of([Event::ended(31).with_assets(2)]);
    site.fill(&sample);
    once(&proxy, is_trial, move || drop(cutter.lock().unwrap().take()));
    let before = site.rows();
    let run = site.clean_up(&[]).expect(69);
    assert_eq!(run.report()["counts"]["deleted"], 0);
    assert!(run.stderr.contains("hint: "), "{run:?}");
    assert_eq!(site.rows(), before);
    site.assert_nothing_lost(&sample);

    site.set_database_port(Postgres::shared().port());
    let run = site.clean_up(&[]).expect(0);
    assert_eq!(run.report()["counts"]["deleted"], 1);
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}

#[test]
fn a_server_that_was_never_there_is_said_not_to_be() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    site.set_database_port(1);
    site.clean_up(&[]).expect(69);
    site.clean_up(&["--dry-run"]).expect(69);
}

/// The database goes between the commit and the answers of the store.
#[test]
fn a_database_that_goes_after_the_commit_leaves_the_outbox_to_the_next_run() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    let never = Cut { at: b"this is sent by nobody".into(), occurrence: 1, delivered: false };
    let cutter = Mutex::new(Some(Cutter::in_front_of(Postgres::shared().port(), never)));
    site.set_database_port(cutter.lock().unwrap().as_ref().unwrap().port());
    let sample = Sample::of([Event::ended(31).with_assets(2)]);
    site.fill(&sample);
    once(&proxy, crate::site::deletes_assets, move || drop(cutter.lock().unwrap().take()));
    let report = site.clean_up(&[]).expect(69).report();
    assert_eq!(report["counts"]["deleted"], 1);
    assert!(site.events().is_empty());
    assert_eq!(site.outbox().len(), 2);
    site.assert_nothing_lost(&sample);
    site.set_database_port(Postgres::shared().port());
    site.clean_up(&[]).expect(0);
    assert!(site.outbox().is_empty() && site.objects().is_empty());
}

#[test]
fn sessions_ended_by_the_administrator_are_made_again() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    let event = Event::ended(31).with_assets(2);
    site.fill(&Sample::of([event.clone(), Event::ended(40)]));
    let name = site.database_name().to_owned();
    once(&proxy, is_trial, move || Site::terminate_sessions(&name));

    // And once more in the middle of the transaction, which waits for an invite just then.
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    lock.batch_execute(&format!("SELECT 1 FROM invites WHERE room = '{}' FOR UPDATE", event.room)).unwrap();
    let child = site.start_clean_up(&[]);
    site.wait_until_upkeep_waits_for_a_lock();
    Site::terminate_sessions(site.database_name());
    lock.rollback().unwrap();

    let report = crate::site::finish(child).expect(0).report();
    assert_eq!(report["counts"]["deleted"], 2);
    assert_eq!(report["objects_deleted"], 2);
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}

/// As if more than `rows` deleted rows took longer than the statement timeout.
fn time_out_beyond(site: &Site, rows: u32, seconds: f32) {
    site.execute(&format!(
        "CREATE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF (SELECT count(*) FROM gone) > {rows} THEN \
             PERFORM pg_sleep({seconds}); \
             RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014'; \
           END IF; RETURN NULL; END $$; \
         CREATE TRIGGER too_slow AFTER DELETE ON event_invites REFERENCING OLD TABLE AS gone \
           FOR EACH STATEMENT EXECUTE FUNCTION too_slow()"
    ));
}

#[test]
fn batches_that_take_too_long_are_made_smaller() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    time_out_beyond(&site, 3, 0.0);
    site.fill(&Sample::of((0..30).map(|_| Event::ended(31).with_assets(1))));
    let report = site.clean_up(&[]).expect(0).report();
    assert_eq!(report["counts"]["deleted"], 30);
    assert_eq!(report["rows"]["events"], 30);
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}

#[test]
fn a_database_that_can_do_nothing_in_time_is_given_up() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    time_out_beyond(&site, 0, 0.4);
    let sample = Sample::of((0..30).map(|_| Event::ended(31).with_assets(1)));
    site.fill(&sample);
    let run = site.clean_up(&[]).expect(1);
    assert!(run.stderr.contains("statement timeout"), "{run:?}");
    assert_eq!(site.events().len(), 30);
    site.assert_nothing_lost(&sample);
}

/// The embedded database while another process writes: waited for, and said if it is in vain.
#[test]
fn an_embedded_database_that_somebody_else_writes_to_is_left_alone() {
    use diesel::connection::{Connection, SimpleConnection};
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::S3);
    let proxy = site.put_proxy_before_bucket();
    let sample = Sample::of([Event::ended(31).with_assets(1)]);
    site.fill(&sample);
    let path = site.path().join("upkeep.db");
    let (locked, keep) = std::sync::mpsc::channel();
    once(&proxy, is_trial, move || {
        let mut other = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        locked.send(other).unwrap();
    });
    let run = site.clean_up(&[]);
    let mut other = keep.recv().unwrap();
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(run.code, Some(3), "{run:#?}");
    assert_eq!(run.report()["failures"][0]["subject"], sample.events[0].id.to_string());
    assert_eq!(site.events().len(), 1);
    site.assert_nothing_lost(&sample);
    site.clean_up(&[]).expect(0);
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
}

/// Two sessions for many clients: whatever a transaction leaves behind in its session meets another client.
#[test]
fn a_pooler_in_transaction_mode_does_no_harm() {
    let mut site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    let pooler = PgBouncer::in_front_of(Postgres::shared().port(), 2);
    let never = Cut { at: b"COMMIT\0".into(), occurrence: 6, delivered: true };
    let cutter = Cutter::in_front_of(pooler.port(), never.clone());
    site.set_database_port(cutter.port());
    for round in 0..3 {
        site.fill(&Sample::of((0..20).map(|_| Event::ended(31).with_assets(2))));
        let looking: Vec<_> = (0..6).map(|_| site.start_clean_up(&["--dry-run"])).collect();
        let report = site.clean_up(&[]).expect(0).report();
        assert_eq!(report["counts"]["deleted"], 20, "{round}");
        for child in looking {
            crate::site::finish(child).expect(0);
        }
        site.upkeep(&["database", "status"]).expect(0);
    }
    assert!(cutter.has_cut(&never));
    assert!(site.events().is_empty() && site.objects().is_empty() && site.outbox().is_empty());
    assert_eq!(site.number("SELECT count(*) FROM upkeep_runs WHERE outcome <> 'succeeded'"), 0);
}

#[test]
fn a_table_that_is_locked_for_a_short_time_is_waited_for() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    lock.batch_execute("LOCK TABLE event_dates").unwrap();
    let child = site.start_clean_up(&["-v"]);
    site.wait_until_upkeep_waits_for_a_lock();
    // Longer than one statement waits.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    lock.rollback().unwrap();
    let run = crate::site::finish(child).expect(0);
    assert_eq!(run.report()["counts"]["deleted"], 1);
    assert!(run.stderr.contains("will be tried again"), "{run:#?}");
}

#[test]
fn what_transactions_are_does_not_depend_on_the_servers_defaults() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    site.fill(&Sample::of([Event::ended(31).with_assets(1)]));
    let name = site.database_name();
    site.execute(&format!(
        "CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF current_setting('transaction_isolation') <> 'read committed' THEN \
             RAISE EXCEPTION '%', current_setting('transaction_isolation'); \
           END IF; RETURN NULL; END $$; \
         CREATE TRIGGER complain AFTER DELETE ON events FOR EACH STATEMENT EXECUTE FUNCTION complain(); \
         ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'; \
         ALTER DATABASE {name} SET default_transaction_read_only = on"
    ));
    assert_eq!(site.clean_up(&[]).expect(0).report()["counts"]["deleted"], 1);
}
