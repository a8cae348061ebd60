//! upkeep dies in the middle of a run and runs once more: as if it had never been interrupted.

use std::time::Instant;

use uuid::Uuid;

use super::clean_up;
use super::community::Community;
use crate::site::{DatabaseKind, Site, StorageKind, finish};

/// SIGKILLs at random moments.
const KILLS: u32 = 25;
/// Two batches of events, one of rooms, one of users.
const PLACES: [&str; 6] =
    ["prepared:2", "before-commit:3", "committed:3", "prepared:4", "before-commit:4", "committed:4"];

/// Users with events of their own and of others in their rooms, who take part in each other's events.
fn community() -> Community {
    let mut community = Community::default();
    let enabled = community.user(None);
    let due: Vec<_> = (0..60).map(|_| community.disabled(31)).collect();
    for (n, owner) in due.iter().enumerate() {
        for kind in 0..6 {
            let room = community.room(*owner);
            let creator = match kind {
                0 => continue,
                1 => enabled,
                _ => due[(n + kind) % due.len()],
            };
            let event = community.event_updated_by(room, creator, due[(n + 1) % due.len()]);
            community.deeds(due[(n + kind + 1) % due.len()], room, event);
            community.rooms.last_mut().unwrap().assets.truncate(kind % 2);
        }
    }
    community
}

#[test]
fn dying_anywhere_leaves_what_the_next_run_finishes() {
    let site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
    let community = community();
    community.fill(&site);
    let objects: Vec<_> = community.objects().into_keys().collect();
    let frozen = site.freeze();
    let started = Instant::now();
    clean_up(&site, &[]).expect(0);
    let takes = started.elapsed();
    let (rows, left) = (site.rows(), site.objects());
    assert_eq!((rows["users"].len(), rows["events"].len(), left.len()), (1, 60, 60));

    let [mut between, mut after_events] = [0, 0];
    for n in 0..PLACES.len() as u32 + KILLS {
        site.restore(&frozen, &objects);
        let mut command = site.command(&["jobs", "execute", "user-cleanup"]);
        let how = match PLACES.get(n as usize) {
            Some(place) => {
                assert_eq!(finish(command.env("UPKEEP_CRASH_AT", place).spawn().unwrap()).code, None, "{place}");
                (*place).to_owned()
            }
            None => {
                let delay = takes.mul_f64(0.2 + 0.8 * chance());
                let mut child = command.spawn().unwrap();
                std::thread::sleep(delay);
                child.kill().unwrap();
                child.wait().unwrap();
                format!("SIGKILL after {delay:?}")
            }
        };
        let (now, outbox) = (site.rows(), site.outbox());
        between += u32::from(now["events"].len() < 300 && now["users"].len() > 1);
        after_events += u32::from(now["events"].len() == 60 && now["users"].len() > 1);
        let assets: Vec<_> = site.texts("SELECT 'assets/' || id FROM assets");
        for key in site.objects() {
            assert!(assets.contains(&key) || outbox.contains(&format!("object {key}")), "{how}: {key} is lost");
        }
        let report = clean_up(&site, &[]).expect(0).report();
        assert_eq!(report["backlog"], 0, "{how}");
        assert!(site.rows() == rows, "{how}");
        assert_eq!(site.objects(), left, "{how}");
        assert!(site.outbox().is_empty() && site.rows_of("upkeep_leases").is_empty(), "{how}");
    }
    println!("{between} deaths between the first commit and the last, {after_events} of them when the events had gone");
    assert!(between >= PLACES.len() as u32 && after_events >= 5);
}

/// A number between 0 and 1.
fn chance() -> f64 {
    f64::from(u32::from_ne_bytes(Uuid::new_v4().as_bytes()[..4].try_into().unwrap())) / f64::from(u32::MAX)
}
