//! Rows that the platform holds locked.

use std::collections::BTreeSet;

use super::community::Community;
use super::{ago, clean_up};
use crate::site::{DatabaseKind, Site, StorageKind};

#[test]
fn what_is_locked_for_the_whole_run_keeps_its_user_and_whom_that_user_owes() {
    let mut community = Community::default();
    let enabled = community.user(None);
    let (keeper, other, third) = (community.disabled(31), community.disabled(31), community.disabled(31));
    // Of the one who is kept: an event in the room of another who goes, and a room without one.
    let lent = community.room(other);
    let event = community.event_updated_by(lent, keeper, keeper);
    for user in [enabled, keeper, other, third] {
        community.deeds(user, lent, event);
    }
    let empty = community.room(keeper);
    let elsewhere = community.room(enabled);
    let owned = community.event_updated_by(elsewhere, enabled, keeper);
    community.deeds(keeper, elsewhere, owned);
    community.deeds(third, elsewhere, owned);

    let locks = [
        (format!("SELECT 1 FROM events WHERE id = '{event}' FOR UPDATE"), event.to_string(), [false, true]),
        (format!("SELECT 1 FROM rooms WHERE id = '{empty}' FOR KEY SHARE"), empty.to_string(), [true, false]),
        (format!("SELECT 1 FROM users WHERE id = '{keeper}' FOR NO KEY UPDATE"), "lock".to_owned(), [false, false]),
        (format!("SELECT 1 FROM users WHERE id = '{keeper}' FOR KEY SHARE"), "lock".to_owned(), [true, true]),
    ];
    for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
        for (lock, named, [event_goes, room_goes]) in &locks {
            let site = Site::new(database, StorageKind::Directory);
            community.fill(&site);
            let mut platform = site.platform();
            let mut transaction = platform.transaction().unwrap();
            transaction.batch_execute(lock).unwrap();
            let report = clean_up(&site, &[]).expect(3).report();
            assert_eq!(report["counts"]["deleted"], 2, "{lock}");
            assert_eq!(report["counts"]["failed"], 1, "{lock}: {report:#}");
            assert_eq!(report["counts"]["skipped"], 0, "{lock}");
            assert_eq!(report["failures"][0]["subject"], keeper.to_string(), "{lock}");
            let reason = report["failures"][0]["reason"].as_str().unwrap();
            assert!(reason.contains(named.as_str()) && reason.contains("lock"), "{lock}: {reason}");
            transaction.rollback().unwrap();
            drop(platform);
            let rows = site.rows();
            assert_eq!(rows["events"].len(), 2 - usize::from(*event_goes), "{lock}");
            assert_eq!(rows["rooms"].len(), 3 - usize::from(*event_goes) - usize::from(*room_goes), "{lock}");
            assert_eq!(rows["users"].len(), 2, "{lock}");

            let report = clean_up(&site, &[]).expect(0).report();
            assert_eq!(report["counts"]["deleted"], 1, "{lock}");
            community.after(ago(30)).assert_is_what_is_left(&site, lock);
        }
    }
}

/// The row of somebody else in which a user did something cannot be changed.
#[test]
fn what_cannot_be_handed_over_keeps_only_whose_it_is() {
    let mut community = Community::default();
    let enabled = community.user(None);
    let due: Vec<_> = (0..30).map(|_| community.disabled(31)).collect();
    let room = community.room(enabled);
    let event = community.event_updated_by(room, enabled, due[3]);
    for user in &due {
        community.deeds(*user, room, event);
    }
    let site = Site::new(DatabaseKind::Postgres, StorageKind::Directory);
    community.fill(&site);
    let mut platform = site.platform();
    let mut lock = platform.transaction().unwrap();
    lock.batch_execute(&format!("SELECT 1 FROM events WHERE id = '{event}' FOR UPDATE")).unwrap();
    let report = clean_up(&site, &[]).expect(3).report();
    assert_eq!(report["counts"]["deleted"], 29);
    assert_eq!(report["failures"][0]["subject"], due[3].to_string());
    lock.rollback().unwrap();
    drop(platform);
    let gone: BTreeSet<_> = due.iter().copied().filter(|user| *user != due[3]).collect();
    community.without(&gone).assert_is_what_is_left(&site, "one is kept");
    assert_eq!(clean_up(&site, &[]).expect(0).report()["counts"]["deleted"], 1);
    assert_eq!(community.users.len(), 31);
}
