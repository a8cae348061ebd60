//! Accounts that come, go and move while they are read.

use super::*;

fn insert(id: &'static str) -> impl FnOnce(&mut Vec<User>) + Send + 'static {
    move |users| users.push(User::new(id, true))
}

fn remove(id: &'static str) -> impl FnOnce(&mut Vec<User>) + Send + 'static {
    move |users| users.retain(|user| user.id != id)
}

#[test]
fn an_account_that_moves_to_the_next_page_has_all_read_again() {
    let server = realm_with(35);
    // It moves the last of the first page to the second.
    server.before("first=10&", insert("u0005"));
    let accounts = list(&client(&server), 10).unwrap();
    assert_eq!(accounts.listed(), 36);
    assert_eq!(sent(&server).iter().filter(|address| address.contains("first=0&")).count(), 2);
}

#[test]
fn an_account_that_moves_past_the_reader_is_found_when_looked_for_again() {
    for by_attribute in [false, true] {
        let server = realm_with(15);
        let client = if by_attribute { client_by_attribute(&server) } else { client(&server) };
        // It moves the first of the second page to the first, which has been read.
        server.before("first=10&", remove("u005"));
        let accounts = list(&client, 10).unwrap();
        assert_eq!((accounts.listed(), accounts.standing("u010")), (14, Standing::Absent));
        assert_eq!(look_again(&client, &["u010"]).unwrap()["u010"], Standing::Enabled);
    }
}

#[test]
fn a_realm_that_never_rests_is_given_up() {
    let server = realm_with(35);
    for id in ["u0001", "u0002", "u0003"] {
        server.before("first=10&", insert(id));
    }
    let problem = list(&client(&server), 10).unwrap_err();
    assert_eq!(problem.kind(), Kind::Failed);
    let text = in_words(problem);
    assert!(text.contains("did not fit together, 3 times in a row: an account is listed twice; nothing was"), "{text}");
    assert_eq!(list(&client(&server), 10).unwrap().listed(), 38);
}

#[test]
fn a_server_that_always_shows_the_first_page_is_given_up() {
    let server = realm_with(35);
    let page: Vec<_> = (0..10).map(|n| format!(r#"{{"id":"u{n:03}","enabled":true}}"#)).collect();
    server.answer("/users", Answer::Raw(200, "application/json", format!("[{}]", page.join(","))));
    let text = in_words(list(&client(&server), 10).unwrap_err());
    assert!(text.contains("an account is listed twice"), "{text}");
}

#[test]
fn the_same_account_twice_on_a_page_is_given_up() {
    let server = realm_with(5);
    let page = r#"[{"id":"a","enabled":true},{"id":"b","enabled":true},{"id":"a","enabled":false}]"#;
    server.answer("first=0&", Answer::Raw(200, "application/json", page.into()));
    let text = in_words(list(&client(&server), 10).unwrap_err());
    assert!(text.contains("an account is listed twice"), "{text}");
}

/// As for a client that may see only some of the users: Keycloak leaves the others out of each page.
#[test]
fn accounts_after_a_page_that_was_not_full_are_noticed() {
    for hidden in [0, 10, 30] {
        let server = realm_with(75);
        let page: Vec<_> = (hidden..hidden + 9).map(|n| format!(r#"{{"id":"u{n:03}","enabled":true}}"#)).collect();
        server
            .answer(&format!("first={hidden}&"), Answer::Raw(200, "application/json", format!("[{}]", page.join(","))));
        let text = in_words(list(&client(&server), 10).unwrap_err());
        assert!(text.contains("accounts are listed after a page that was not full"), "{text}");
        assert!(text.contains("may view all users"), "{text}");
    }
}

/// As behind something that lets through fewer accounts than were asked for.
#[test]
fn accounts_that_the_last_page_was_cut_short_of_are_noticed() {
    for (users, first) in [(8, 0), (28, 20)] {
        let server = realm_with(users);
        let page: Vec<_> = (first..first + 5).map(|n| format!(r#"{{"id":"u{n:03}","enabled":true}}"#)).collect();
        let cut = Answer::Raw(200, "application/json", format!("[{}]", page.join(",")));
        server.answer(&format!("first={first}&"), cut);
        let text = in_words(list(&client_by_attribute(&server), 10).unwrap_err());
        assert!(text.contains("accounts are listed after a page that was not full"), "{text}");
    }
}

#[test]
fn accounts_of_one_key_count_as_enabled_if_one_is() {
    let server = Keycloak::start().unwrap();
    server.add([User::new("a", false).with("uid", "x"), User::new("b", true).with("uid", "x")]);
    server.add([User::new("c", false).with("uid", "y"), User::new("d", false).with("uid", "y")]);
    let accounts = list(&client_by_attribute(&server), 10).unwrap();
    assert_eq!((accounts.standing("x"), accounts.standing("y")), (Standing::Enabled, Standing::Disabled));
}
