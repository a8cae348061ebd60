//! A dry run asks the same and tells the same, and changes nothing.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::one_of_each;
use crate::site::{DATABASES, DatabaseKind};

#[test]
fn a_dry_run_lists_exactly_what_a_run_changes() {
    for database in DATABASES {
        let (platform, expected) = one_of_each(database);
        let before = platform.site.state();
        let requests = |from: usize| {
            let requests = platform.keycloak.requests();
            requests[from..].iter().map(|request| request.target.clone()).collect::<BTreeSet<_>>()
        };
        let dry = platform.sync(&["--dry-run"]).expect(0).report();
        assert_eq!(platform.site.state(), before);
        let asked = platform.keycloak.requests().len();
        let updates = platform.last_updates();
        let report = platform.sync(&[]).expect(0).report();
        assert_eq!(requests(0), requests(asked), "the same requests");
        assert_eq!(platform.states(&report), expected);

        assert_eq!((&dry["counts"]["updated"], &dry["counts"]["matched"]), (&0.into(), &report["counts"]["matched"]));
        let planned: BTreeSet<_> =
            dry["plan"]["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        let now = platform.instant(&report["now"]);
        let changed: BTreeSet<_> =
            platform.last_updates().into_iter().filter(|(sub, at)| *at == now && updates[sub] != now).collect();
        assert_eq!(planned.len(), changed.len());
        let id = if database == DatabaseKind::Sqlite { "lower(hex(id))" } else { "replace(id::text, '-', '')" };
        for (sub, _) in changed {
            let sub = crate::site::text(&sub);
            let id = platform.site.texts(&format!("SELECT {id} FROM users WHERE oidc_sub = {sub}")).remove(0);
            assert!(planned.iter().any(|planned| planned.replace('-', "") == id), "{sub}");
        }
    }
}

#[test]
fn the_log_says_what_would_be_and_what_was_done() {
    let (platform, _) = one_of_each(DatabaseKind::Sqlite);
    assert_snapshot!(platform.sync_in_words(&["--dry-run"]).expect(0).transcript_at(&platform.site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Asking for the accounts at http://127.0.0.1:[port]/admin/realms/meet
    [INFO ] Accounts listed: 10
    [INFO ] Would enable user [uuid]
    [INFO ] Would enable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would disable user [uuid]
    [INFO ] Would enable 2 and disable 9 of 17 user accounts
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(platform.sync_in_words(&[]).expect(0).transcript_at(&platform.site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Asking for the accounts at http://127.0.0.1:[port]/admin/realms/meet
    [INFO ] Accounts listed: 10
    [INFO ] Enabled 2 and disabled 9 of 17 user accounts
    [INFO ]
    [INFO ] Job finished successfully
    ");
    assert_snapshot!(platform.sync_in_words(&[]).expect(0).transcript_at(&platform.site), @"
    exit code 0
    --- stdout
    [INFO ] Starting job execution
    [INFO ] Loading parameters
    [INFO ] Asking for the accounts at http://127.0.0.1:[port]/admin/realms/meet
    [INFO ] Accounts listed: 10
    [INFO ] Looked at 17 user accounts, all are as the identity provider has them
    [INFO ]
    [INFO ] Job finished successfully
    ");
}
