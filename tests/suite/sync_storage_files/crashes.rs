//! Killed at any moment: what was changed is right, and the next run finishes the rest.

use std::collections::BTreeMap;
use std::time::Instant;

use uuid::Uuid;

use super::platform::{DELETE, Platform, ZERO, key, parameters};
use crate::site::{DatabaseKind, StorageKind, finish};

const KILLS: u32 = 16;
const ASSETS: usize = 1_800;

/// A platform of which a third has other sizes and a third is missing.
struct Trial {
    platform: Platform,
    frozen: String,
    objects: Vec<String>,
    before: BTreeMap<Uuid, i64>,
    /// What it has to come to.
    after: BTreeMap<Uuid, i64>,
}

fn trial(handling: &str) -> Trial {
    let platform = Platform::new(DatabaseKind::Postgres, StorageKind::S3);
    let assets = platform.many(ASSETS, 42);
    let (mut objects, mut after) = (Vec::new(), BTreeMap::new());
    for (number, asset) in assets.iter().enumerate() {
        match number % 3 {
            // An object that the fixture brings back contains its key, whose length is 43.
            0 | 1 => {
                objects.push(key(*asset));
                after.insert(*asset, 43);
            }
            _ if handling == ZERO => drop(after.insert(*asset, 0)),
            _ => {}
        }
    }
    let in_sync: Vec<_> = assets.iter().step_by(3).map(|asset| format!("'{asset}'")).collect();
    platform.site.execute(&format!("UPDATE assets SET size = 43 WHERE id IN ({})", in_sync.join(",")));
    let (frozen, before) = (platform.site.freeze(), platform.assets());
    Trial { platform, frozen, objects, before, after }
}

#[test]
fn dying_at_any_moment_leaves_what_the_next_run_finishes() {
    for handling in [ZERO, DELETE] {
        let Trial { platform, frozen, objects, before, after } = trial(handling);
        let parameters = parameters(handling);
        let arguments =
            ["jobs", "execute", "sync-storage-files", "--parameters", &parameters, "--allow-affected", "2000"];
        platform.site.restore(&frozen, &objects);
        let begun = Instant::now();
        platform.site.upkeep(&arguments).expect(0);
        let takes = begun.elapsed();
        assert_eq!(platform.assets(), after);

        let places = ["leased", "before-commit:1", "before-commit:3", "committed:1", "committed:4", "done"];
        let mut amid = 0;
        for time in 0..places.len() as u32 + KILLS / 2 {
            platform.site.restore(&frozen, &objects);
            let mut command = platform.site.command(&arguments);
            let how = match places.get(time as usize) {
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
            let found = platform.assets();
            amid += u32::from(found != before && found != after);
            // Every row is as it was or as it has to be, and has its link exactly as long as it is there.
            for (asset, size) in &before {
                let now = found.get(asset);
                assert!(now == Some(size) || now == after.get(asset), "{how}: {asset} {now:?}");
            }
            assert_eq!(platform.links(), found.keys().copied().collect(), "{how}");
            platform.site.upkeep(&arguments).expect(0);
            assert_eq!(platform.assets(), after, "{how}");
            assert_eq!(platform.links(), after.keys().copied().collect(), "{how}");
            assert_eq!(platform.site.objects(), objects.iter().cloned().collect(), "{how}");
        }
        assert!(amid > 0, "no run died between two commits");
    }
}

/// A number between 0 and 1.
fn chance() -> f64 {
    f64::from(u32::from_ne_bytes(Uuid::new_v4().as_bytes()[..4].try_into().unwrap())) / f64::from(u32::MAX)
}
