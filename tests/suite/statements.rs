//! What a job asks of the database and of the store: statements and requests for a batch, never for a row.

use chrono::{TimeDelta, Utc};
use upkeep_test_servers::Postgres;

use crate::history::Past;
use crate::room_cleanup::fill_with_orphans;
use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind};

/// Fills a site so that a job has so much to do.
type Fill = fn(&Site, usize);

/// What each job finds; all of it fits into the batch with which a run begins.
const JOBS: [(&str, Fill); 7] = [
    ("event-cleanup", |site, number| events(site, number, 31)),
    ("adhoc-event-cleanup", |site, number| {
        events(site, number, -1);
        site.execute("UPDATE events SET is_adhoc = true");
    }),
    ("invite-cleanup", |site, number| {
        events(site, number, -1);
        site.execute("UPDATE invites SET active = false");
    }),
    ("room-cleanup", |site, number| {
        fill_with_orphans(site, (0..number).map(|_| Event::ended(1).with_assets(1)));
    }),
    ("user-cleanup", |site, number| {
        events(site, number, -1);
        site.execute(&format!(
            "UPDATE users SET disabled_since = NULL; \
             INSERT INTO users (oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id, \
                 disabled_since) \
                 SELECT 'due ' || n, 'a@example.org', '', 'a', 'b', 'a b', u.tenant_id, u.tariff_id, \
                     now() - interval '40 days' \
                 FROM (SELECT * FROM users LIMIT 1) u, generate_series(1, {number}) n; \
             CREATE TEMPORARY TABLE given AS \
                 SELECT u.id AS by, e.id AS event, e.room \
                 FROM (SELECT id, row_number() OVER () AS n FROM users WHERE oidc_sub LIKE 'due %') u \
                     JOIN (SELECT id, room, row_number() OVER () AS n FROM events) e USING (n); \
             UPDATE events SET created_by = by FROM given WHERE event = events.id; \
             UPDATE rooms SET created_by = by FROM given WHERE room = rooms.id"
        ));
    }),
    ("sync-storage-files", |site, number| {
        events(site, number, -1);
        site.execute("UPDATE assets SET size = size + 1, updated_at = now() - interval '1 hour'");
    }),
    ("run-history-cleanup", |site, number| {
        let run = |days| Past::ended("event-cleanup", Utc::now() - TimeDelta::days(days), "succeeded", 0);
        // The latest one stays.
        site.remember(&(0..=number).map(|day| run(900 - day as i64)).collect::<Vec<_>>());
    }),
];

fn events(site: &Site, number: usize, days: i64) {
    site.fill(&Sample::of((0..number).map(|_| Event::ended(days).with_assets(1))));
}

#[test]
fn statements_and_requests_do_not_grow_with_the_rows() {
    for (job, fill) in JOBS {
        for database in [DatabaseKind::Postgres, DatabaseKind::PostgresOld] {
            let cost = |number| {
                let mut site = Site::new(database, StorageKind::S3);
                fill(&site, number);
                let proxy = site.put_proxy_before_bucket();
                site.execute(&format!("ALTER DATABASE {} SET log_statement = 'all'", site.database_name()));
                let before = logged();
                let counts = site.job(job, &[]).expect(0).report()["counts"].clone();
                let done = counts["deleted"].as_u64().unwrap() + counts["updated"].as_u64().unwrap();
                assert_eq!(done, number as u64, "{job} {database:?}");
                (logged() - before, proxy.requests().len())
            };
            let (few, many) = (cost(3), cost(10));
            assert_eq!(few.0, many.0, "statements of {job} on {database:?}");
            // Objects may go in a request more or less.
            assert!(many.1 <= few.1 + 1, "requests of {job} on {database:?}: {few:?} {many:?}");
        }
    }
}

/// How many statements the server has logged so far; no other test asks it to log any.
fn logged() -> usize {
    let log = Postgres::shared().log();
    log.matches("LOG:  execute ").count() + log.matches("LOG:  statement: ").count()
}
