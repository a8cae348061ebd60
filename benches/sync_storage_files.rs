//! sync-storage-files on N assets, of which 100 have other sizes than their objects and 50 have no object, against one
//! HEAD for each asset, and against nothing but the listing.
//!
//! A page of a listing takes as long as at the quickest of the servers that were measured, which list 45,000 objects a
//! second, one page after the other; with `--page-ms 0`, which no server has, the database is what takes time.

use crate::contest::{Contest, Done, Place, Program};
use crate::options::Options;
use crate::platform::{Cluster, Fill};
use crate::s3_process::Objects;
use crate::store::{Store, connect};

/// upkeep's arguments.
const SYNC: [&str; 5] = ["jobs", "execute", "sync-storage-files", "--output", "json"];

const WRONG: usize = 100;
const MISSING: usize = 50;

/// One of the reference programs.
pub(crate) fn child(words: &[&str]) {
    match words {
        ["head-by-head", database, store] => head_by_head(database, store),
        ["listing", _, store] => assert!(Store::new(store).list("assets/") > 0),
        _ => panic!("no such program: {words:?}"),
    }
}

/// What platforms do today: for each asset a HEAD, and a statement if the size is another.
fn head_by_head(database: &str, store: &str) {
    let (mut database, store) = (connect(database), Store::new(store));
    let update = database.prepare("UPDATE assets SET size = $2 WHERE id = $1::text::uuid").unwrap();
    for row in database.query("SELECT id::text, size FROM assets", &[]).unwrap() {
        let (asset, size): (String, i64) = (row.get(0), row.get(1));
        let found = store.size(format!("assets/{asset}")).unwrap_or(0);
        if found != size {
            database.execute(&update, &[&asset, &found]).unwrap();
        }
    }
}

pub(crate) fn measure(cluster: &Cluster, words: &[&str]) {
    let options = Options::parse(words, &["--assets", "--page-ms", "--repeat", "--only"]);
    for assets in options.numbers("--assets", &[20_000, 100_000]) {
        contest(cluster, assets, &options);
    }
}

fn contest(cluster: &Cluster, number: u32, options: &Options<'_>) {
    let page_ms = options.number("--page-ms", 22);
    let template = cluster.filled(0, Fill::Nothing, false);
    cluster.execute(
        &template,
        &format!(
            "INSERT INTO assets (id, kind, filename, tenant_id, size)
                 SELECT gen_random_uuid(), 'recording', 'recording.webm', t.id, CASE WHEN n <= {WRONG} THEN 4 ELSE 3 END
                 FROM tenants t, generate_series(1, {number}) n"
        ),
    );
    // On its own: it refuses to be part of a transaction.
    cluster.execute(&template, "VACUUM ANALYZE assets");
    let assets = cluster.assets(&template);
    let missing = &assets[assets.len() - MISSING.min(assets.len() / 2)..];
    let objects = &assets[..assets.len() - missing.len()];
    let reference = |program: &'static str| move |place: &Place<'_>| place.reference("sync-storage-files", program);
    Contest {
        title: format!("sync-storage-files: {number} assets, {} without an object, {page_ms} ms a page", missing.len()),
        cluster,
        template: &template,
        objects,
        stored_as: Objects::Entries { page_ms },
        programs: &[
            Program { name: "(a) one HEAD for each asset", command: &reference("head-by-head") },
            Program { name: "(b) upkeep", command: &|place| place.upkeep(&SYNC) },
            Program { name: "(c) floor: the listing alone", command: &reference("listing") },
        ],
        floor: 2,
        options,
        check: &|done: &Done<'_>| {
            assert_eq!(done.objects, objects.len());
            if let Some(report) = done.report() {
                let right = "SELECT count(*) FROM assets WHERE size = 3";
                assert_eq!(done.cluster.number(done.database, right), objects.len() as i64);
                assert_eq!(report["figures"]["zeroed"], missing.len());
            }
        },
    }
    .print();
    cluster.drop(&template);
}
