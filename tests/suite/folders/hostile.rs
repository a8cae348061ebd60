//! What the platform, or whoever wrote to its database, should never have stored about a folder.

use super::*;

#[test]
fn paths_that_lead_to_the_root_or_elsewhere_are_never_sent() {
    for path in ["", "/", "//", ".", "..", "a/..", "../a", "a/./b", "/a/../", " ", "a//..", "a\\..\\..", "a\n"] {
        let (site, nextcloud) = site(Sqlite);
        nextcloud.add_folder("a");
        let event = Event::ended(31).with_folder(path, shares("1", "2"));
        site.fill(&Sample::of([event.clone()]));
        let before = site.rows();
        site.clean_up(&STRICT).expect(1);
        assert_eq!(site.rows(), before, "{path:?}");
        assert_warned(&site.clean_up(&[]).expect(0), &event);
        site.clean_up(&[]).expect(0);
        assert_gone_but_for_its_folder(&site, &event);
        assert!(nextcloud.requests().is_empty(), "{path:?}");
        assert_eq!(nextcloud.folders(), ["a"]);
    }
}

/// Both databases hold JSON that cannot be read everywhere: numbers without bounds, nesting without end.
#[test]
fn provider_data_that_cannot_be_read_blocks_nobody_else() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (database, hostile) in [(Postgres, "1e400"), (Postgres, &deep), (Sqlite, "1e400"), (Sqlite, r#""\ud800""#)] {
        let (site, nextcloud) = site(database);
        let event = Event::ended(31).with_folder("opentalk/x", shares("71", "72"));
        site.fill(&Sample::of([event.clone()]));
        let data = format!(r#"{{"type": "nextcloud", "write_share_id": "71", "read_share_id": "72", "x": {hostile}}}"#);
        site.execute(&format!("UPDATE event_shared_folders SET provider_data = '{data}'"));
        let before = site.rows();
        site.fill(&Sample::of([with_folder(&nextcloud, "opentalk/fine")]));

        let report = site.clean_up(&STRICT).expect(1).report();
        assert_eq!(report["failures"][0]["subject"], event.id.to_string());
        assert!(report["failures"][0]["reason"].as_str().unwrap().contains("provider_data cannot be read"), "{report}");
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(site.rows(), before);

        assert_warned(&site.clean_up(&[]).expect(0), &event);
        assert_gone_but_for_its_folder(&site, &event);
        let details = site.texts("SELECT CAST(details AS TEXT) FROM upkeep_pending_deletions").remove(0);
        let details: Value = serde_json::from_str(&details).unwrap();
        assert!(details["provider_data"].as_str().unwrap().contains("\"write_share_id\": \"71\""), "{details}");

        // Even entries that cannot be read at all block no others.
        for details in [None, Some(r#"{"path": "x", "provider_data": 1e400}"#)] {
            if let Some(details) = details {
                site.execute(&format!("UPDATE upkeep_pending_deletions SET details = '{details}'"));
            }
            site.fill(&Sample::of([Event::ended(31)]));
            let again = site.clean_up(&[]).expect(0);
            assert_warned(&again, &event);
            assert!(again.report()["warnings"].to_string().contains("cannot be read"));
            assert_gone_but_for_its_folder(&site, &event);
        }
        assert_eq!(nextcloud.requests().len(), 3, "those of the other folder");
    }
}
