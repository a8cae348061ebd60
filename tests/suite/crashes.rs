//! The crash suite: upkeep dies at every named point and at random moments, then runs once more, and must have left
//! the platform as if it had never been interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::room_cleanup::fill_with_orphans;
use crate::site::{DatabaseKind, Event, Run, Sample, Site, StorageKind, finish};

/// SIGKILLs at random moments, on the new generation and on the old.
const KILLS: u32 = 220;
const KILLS_ON_OLD: u32 = 40;
/// The same of other jobs, which go through the same loop.
const KILLS_OF_OTHERS: u32 = 26;
/// They are shared out among so many platforms at once.
const AT_ONCE: u32 = 2;
/// Every place where the program can be made to die, and how often it is passed at least in a run of [`sample`].
const CRASH_POINTS: [(&str, u32); 7] = [
    ("leased", 1),
    ("prepared", 2),
    ("before-commit", 2),
    ("committed", 2),
    ("objects-deleted", 1),
    ("objects-confirmed", 1),
    ("done", 1),
];

type Rows = BTreeMap<String, BTreeSet<String>>;

/// A job that is killed on a platform that it has much to do on.
#[derive(Clone, Copy)]
struct Subject {
    job: &'static str,
    database: DatabaseKind,
    /// Fills the platform; what it returns are the keys of the objects.
    fill: fn(&Site) -> Vec<String>,
    /// The table of the job's items. So many of its rows are due, and so many have to stay.
    items: &'static str,
    due: usize,
    stay: usize,
}

const EVENTS: Subject = Subject {
    job: "event-cleanup",
    database: DatabaseKind::Postgres,
    fill: |site| fill(site, &due_events().chain(kept_events()).collect::<Vec<_>>()),
    items: "events",
    due: 500,
    stay: 40,
};
const EVENTS_ON_OLD: Subject = Subject { database: DatabaseKind::PostgresOld, ..EVENTS };
const ROOMS: Subject = Subject {
    job: "room-cleanup",
    items: "rooms",
    fill: |site| {
        let orphans = fill_with_orphans(site, due_events());
        let held = fill(site, &kept_events().collect::<Vec<_>>());
        orphans.iter().flat_map(Event::keys).chain(held).collect()
    },
    ..EVENTS
};

const ADHOC_EVENTS: Subject = Subject {
    job: "adhoc-event-cleanup",
    fill: |site| {
        let due = due_events().map(|event| Event { adhoc: true, ..event });
        fill(site, &due.chain(kept_events()).collect::<Vec<_>>())
    },
    ..EVENTS
};
const INVITES: Subject = Subject {
    job: "invite-cleanup",
    database: DatabaseKind::PostgresOld,
    fill: |site| {
        let objects = fill(site, &kept_events().collect::<Vec<_>>());
        site.execute(
            "INSERT INTO invites (id, created_by, created_at, updated_by, updated_at, room, active) \
             SELECT gen_random_uuid(), created_by, created_at, created_by, created_at, id, false \
             FROM rooms, generate_series(1, 500); \
             INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) \
             SELECT 'p', 'invite::' || id, '/rooms/' || room, 'GET', '', '', '' FROM invites WHERE NOT active",
        );
        objects
    },
    items: "invites",
    due: 20_000,
    stay: 40,
};

fn due_events() -> impl Iterator<Item = Event> {
    (0..500_usize).map(|n| Event::ended(31).with_assets(n % 3))
}

fn kept_events() -> impl Iterator<Item = Event> {
    (0..40).map(|_| Event::ended(3).with_assets(1))
}

fn fill(site: &Site, events: &[Event]) -> Vec<String> {
    site.fill(&Sample::of(events.iter().cloned()));
    events.iter().flat_map(Event::keys).collect()
}

/// A platform, how it begins, and how it has to end.
struct Trial {
    subject: Subject,
    site: Site,
    frozen: String,
    objects_before: Vec<String>,
    rows_after: Rows,
    objects_after: BTreeSet<String>,
    /// How long an uninterrupted run took.
    takes: Duration,
}

impl Trial {
    fn new(subject: Subject) -> Self {
        let site = Site::new(subject.database, StorageKind::S3);
        let objects_before = (subject.fill)(&site);
        let frozen = site.freeze();
        let started = Instant::now();
        let run = site.job(subject.job, &[]).expect(0);
        let takes = started.elapsed();
        assert_eq!(run.report()["counts"]["deleted"], subject.due);
        let (rows_after, objects_after) = (site.rows(), site.objects());
        assert_eq!((rows_after[subject.items].len(), objects_after.len()), (subject.stay, 40));
        Self { subject, site, frozen, objects_before, rows_after, objects_after, takes }
    }

    fn begin(&self) {
        self.site.restore(&self.frozen, &self.objects_before);
    }

    /// One clean run, then everything must be as after an uninterrupted one.
    fn finish(&self, how: &str) {
        let run = self.site.job(self.subject.job, &[]);
        assert_eq!(run.code, Some(0), "{how}: {run:#?}");
        assert_eq!(self.site.rows(), self.rows_after, "{how}");
        assert_eq!(self.site.objects(), self.objects_after, "{how}");
        assert_eq!(self.site.outbox(), BTreeSet::new(), "{how}");
        assert_eq!(self.site.rows_of("upkeep_leases"), BTreeSet::new(), "{how}");
        let states = self.site.texts("SELECT coalesce(outcome, 'no end') FROM upkeep_runs ORDER BY started_at DESC");
        assert_eq!(states[0], "succeeded", "{how}");
        assert!(states[1..].iter().all(|state| state == "died" || state == "succeeded"), "{how}: {states:?}");
    }

    /// What must hold at any instant: an object whose row is gone has an entry in the outbox.
    fn assert_nothing_is_lost(&self, how: &str) {
        let assets: BTreeSet<_> = self.site.texts("SELECT 'assets/' || id FROM assets").into_iter().collect();
        let outbox: BTreeSet<_> = self.site.texts("SELECT target FROM upkeep_pending_deletions").into_iter().collect();
        let objects = self.site.objects();
        let lost: Vec<_> = objects.iter().filter(|key| !assets.contains(*key) && !outbox.contains(*key)).collect();
        assert!(lost.is_empty(), "{how}: {lost:?}");
        let early: Vec<_> = assets.iter().filter(|key| !objects.contains(*key)).collect();
        assert!(early.is_empty(), "{how}: objects deleted before their rows: {early:?}");
    }
}

#[test]
fn dying_at_every_named_point_leaves_what_the_next_run_finishes() {
    assert_eq!(named_in_the_source(), CRASH_POINTS.iter().map(|(name, _)| (*name).to_owned()).collect());
    for subject in [EVENTS, EVENTS_ON_OLD] {
        let trial = Trial::new(subject);
        for (name, times) in CRASH_POINTS {
            for time in 1..=times {
                let place = format!("{name}:{time}");
                trial.begin();
                let mut command = trial.site.command(&["jobs", "execute", "event-cleanup"]);
                let run: Run = finish(command.env("UPKEEP_CRASH_AT", &place).spawn().unwrap());
                assert_eq!(run.code, None, "it did not die at {place}: {run:#?}");
                trial.assert_nothing_is_lost(&place);
                trial.finish(&place);
            }
        }
    }
}

/// The names in all calls of `crash_point`.
fn named_in_the_source() -> BTreeSet<String> {
    fn search(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                search(&entry.path(), names);
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            names.extend(text.split("crash_point(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    search(&root.join("src"), &mut names);
    search(&root.join("jobs/src"), &mut names);
    names
}

#[test]
fn sigkill_at_random_moments_leaves_what_the_next_run_finishes() {
    kill_at_random_moments(EVENTS, KILLS);
}

#[test]
fn sigkill_on_the_old_generation_leaves_what_the_next_run_finishes() {
    kill_at_random_moments(EVENTS_ON_OLD, KILLS_ON_OLD);
}

#[test]
fn sigkill_of_room_cleanup_leaves_what_the_next_run_finishes() {
    kill_at_random_moments(ROOMS, KILLS_OF_OTHERS);
}

#[test]
fn sigkill_of_adhoc_event_cleanup_leaves_what_the_next_run_finishes() {
    kill_at_random_moments(ADHOC_EVENTS, KILLS_OF_OTHERS);
}

#[test]
fn sigkill_of_invite_cleanup_leaves_what_the_next_run_finishes() {
    kill_at_random_moments(INVITES, KILLS_OF_OTHERS);
}

fn kill_at_random_moments(subject: Subject, kills: u32) {
    let [early, amid, late, with_outbox] = [const { AtomicU32::new(0) }; 4];
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let trial = Trial::new(subject);
                for _ in 0..kills / AT_ONCE {
                    trial.begin();
                    // Connecting takes the first part of a run; most moments should lie in the rest.
                    let delay = trial.takes.mul_f64(0.2 + 0.8 * chance());
                    let how = format!("SIGKILL after {delay:?}");
                    let mut child = trial.site.command(&["jobs", "execute", subject.job]).spawn().unwrap();
                    std::thread::sleep(delay);
                    child.kill().unwrap();
                    child.wait().unwrap();
                    trial.assert_nothing_is_lost(&how);
                    let counted = match trial.site.rows_of(subject.items).len() - subject.stay {
                        0 => &late,
                        left if left == subject.due => &early,
                        _ => &amid,
                    };
                    counted.fetch_add(1, Ordering::Relaxed);
                    with_outbox.fetch_add(u32::from(!trial.site.outbox().is_empty()), Ordering::Relaxed);
                    trial.finish(&how);
                }
            });
        }
    });
    let [early, amid, late, with_outbox] = [early, amid, late, with_outbox].map(AtomicU32::into_inner);
    println!(
        "{kills} SIGKILLs of {}: {early} before the first commit, {amid} between commits, {late} after the last; \
         {with_outbox} left entries in the outbox",
        subject.job
    );
    assert_eq!(early + amid + late, kills);
    // With few kills either shows that they came amid the work.
    let shown = if kills < KILLS { amid + with_outbox > 0 } else { amid > 0 && with_outbox > 0 };
    assert!(shown, "the kills came too early or too late to show anything");
}

/// A number between 0 and 1.
fn chance() -> f64 {
    f64::from(u32::from_ne_bytes(Uuid::new_v4().as_bytes()[..4].try_into().unwrap())) / f64::from(u32::MAX)
}
