//! Many rooms.

use super::*;

/// More than a page of orphans, many batches, among rooms that are held.
#[test]
fn pages_follow_one_another_to_the_last() {
    for database in [Postgres, Sqlite] {
        let site = Site::new(database, StorageKind::Directory);
        site.fill(&Sample::of((0..300).map(|_| Event::ended(-1))));
        let before = site.rows();
        fill_with_orphans(&site, (0..20).map(|_| Event::ended(1).with_assets(1)));
        let (id, numbers) = site.dialect().fresh_ids(20_100);
        site.execute(&format!(
            "INSERT INTO rooms (id, created_by, created_at, tenant_id) \
             SELECT {id}, id, created_at, tenant_id FROM (SELECT * FROM users LIMIT 1) u, {numbers}"
        ));
        assert_eq!(clean_up(&site, &["--dry-run"]).expect(0).report()["plan"]["rows"]["rooms"], 20_120);
        let report = clean_up(&site, &[]).expect(0).report();
        assert_eq!((&report["counts"]["examined"], &report["counts"]["deleted"]), (&json!(20_120), &json!(20_120)));
        assert_eq!(report["objects_deleted"], 20);
        assert!(site.rows() == before && site.objects().is_empty());
    }
}
