//! An embedded database on a disk that is full.

use std::process::{Command, Stdio};

use insta::assert_snapshot;

use super::complaint;
use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind, finish};

/// Runs `upkeep` with the site's directory copied to a file system of its own, with hardly a byte left, and
/// copies the database back afterwards.
const SCRIPT: &str = r#"
set -e
mkdir "$1/full"
mount -t tmpfs -o size=4m none "$1/full"
cp "$1"/upkeep.db "$1/full/"
test "$3" = full && dd if=/dev/zero of="$1/full/filler" bs=4096 2> /dev/null || truncate -s -200K "$1/full/filler"
code=0
UPKEEP_DATABASE__URL="sqlite:$1/full/upkeep.db" "$2" --config "$1/upkeep.toml" jobs execute event-cleanup || code=$?
rm -f "$1/full/filler"
cp "$1"/full/upkeep.db* "$1/"
exit $code
"#;

#[test]
fn nothing_is_lost_and_the_next_run_does_the_work() {
    let site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.fill(&Sample::of((0..20).map(|_| Event::ended(31).with_assets(2))));
    let before = site.state();
    let run = |how: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "--", "sh", "-c", SCRIPT, "sh"]);
        command.arg(site.path()).arg(env!("CARGO_BIN_EXE_upkeep")).arg(how);
        finish(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let full = run("full");
    assert_eq!(site.state(), before);
    assert_snapshot!(complaint(&site, &full.expect(1)), @"
    error: the database refused a statement: database or disk is full
    hint: make room on the database's disk and run the job again; nothing was lost
    ");
    std::fs::remove_dir(site.path().join("full")).unwrap();
    run("empty").expect(0);
    assert!(site.events().is_empty() && site.objects().is_empty());
}
