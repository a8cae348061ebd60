//! Names that stay names, and paths that are never sent.

use proptest::prelude::*;
use upkeep_test_servers::Nextcloud;

use super::*;

#[test]
fn every_name_is_sent_as_itself() {
    let server = Nextcloud::start().unwrap();
    let client = client(&server);
    for (path, sent_as) in [
        ("simple", "simple"),
        ("a/b c/\u{fc}", "a/b%20c/%C3%BC"),
        ("#1 what?", "%231%20what%3F"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("%2e%2e/%2E", "%252e%252e/%252E"),
        ("a%2Fb", "a%252Fb"),
        ("c++", "c%2B%2B"),
        ("x;y=1&z,@:!$'()*", "x%3By%3D1%26z%2C%40%3A%21%24%27%28%29%2A"),
        ("\u{1f4c1}\u{4f1a}\u{8bae}", "%F0%9F%93%81%E4%BC%9A%E8%AE%AE"),
        ("...", "..."),
        ("..a/.b/c..", "..a/.b/c.."),
        ("a-b_c~d.e", "a-b_c~d.e"),
        ("<b>\"quoted\"</b>`|^{}[]", "%3Cb%3E%22quoted%22%3C/b%3E%60%7C%5E%7B%7D%5B%5D"),
        (" blank at the ends ", "%20blank%20at%20the%20ends%20"),
    ] {
        let folder = existing(&server, path);
        succeeds(&client, &folder);
        assert!(!server.has_folder(path), "{path}");
        assert_eq!(sent(&server).pop(), Some(format!("DELETE /remote.php/dav/files/meet/{sent_as}")));
    }
    assert_eq!(server.folders(), [""; 0]);
}

#[test]
fn slashes_around_a_path_do_not_matter() {
    let server = Nextcloud::start().unwrap();
    for path in ["/a/b", "a/b/", "//a//b//"] {
        server.add_folder("a/b");
        succeeds(&client(&server), &stored(path, "1", "2"));
        assert_eq!(sent(&server).pop().as_deref(), Some("DELETE /remote.php/dav/files/meet/a/b"));
        assert!(!server.has_folder("a/b"), "{path}");
    }
}

#[test]
fn a_path_that_may_lead_elsewhere_is_never_sent() {
    let server = Nextcloud::start().unwrap();
    let client = client(&server);
    server.add_folder("precious");
    for path in [
        "",
        " ",
        "\u{a0}\u{3000}",
        "/",
        "//",
        " / ",
        "/ / /",
        ".",
        "..",
        "./",
        "/.",
        "../",
        "/..",
        "a/..",
        "a/../b",
        "a/./b",
        "../a",
        "a/b/..",
        " .. ",
        "a/ .. /b",
        "a/ /b",
        "a/ ",
        "\\",
        "\\..\\",
        "a\\..\\..",
        "..\\a",
        "a\\b",
        "\0",
        "a\0b",
        "a\n",
        "\r\n\r\n",
        "a\tb",
        "\u{7f}",
        "\u{85}x",
    ] {
        let reason = failure(&client, &stored(path, "1", "2"));
        assert!(reason.starts_with("its stored path "), "{path:?}: {reason}");
    }
    assert_eq!(sent(&server), [""; 0]);
    assert_eq!(server.folders(), ["precious"]);
    assert_eq!(server.shares(), ["1", "2"]);
}

#[test]
fn a_share_id_is_one_segment() {
    let server = Nextcloud::start().unwrap();
    server.add_folder("a");
    for id in ["7/../8", "8?x=1", "..%2f", "\u{fc} #"] {
        server.add_share(id, "a");
        succeeds(&client(&server), &stored("b", id, "3"));
    }
    assert_eq!(server.shares(), ["1", "2"]);
    let first: Vec<_> = sent(&server).into_iter().step_by(3).collect();
    let expected = ["7%2F..%2F8", "8%3Fx%3D1", "..%252f", "%C3%BC%20%23"];
    assert_eq!(first, expected.map(|id| format!("DELETE {SHARES}/{id}")));
}

#[test]
fn a_share_id_that_names_all_shares_is_never_sent() {
    let server = Nextcloud::start().unwrap();
    for id in ["", " ", ".", "..", " .. "] {
        let reason = failure(&client(&server), &stored("a", id, "2"));
        assert!(reason.contains("write_share_id that is no share id"), "{reason}");
        let reason = failure(&client(&server), &stored("a", "1", id));
        assert!(reason.contains("read_share_id that is no share id"), "{reason}");
    }
    assert_eq!(sent(&server), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is stored, at most the folder of that name goes.
    #[test]
    fn no_path_removes_another_folder(path in "[./\\\\ %2eab?#+\u{fc}\u{0}\n]{0,10}") {
        let server = Nextcloud::start().unwrap();
        server.add_folder("a");
        server.add_folder("a/b");
        server.add_folder("keep");
        let outcomes = remove(&client(&server), &[stored(&path, "77", "78")]);
        let name = path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/");
        let expected: &[&str] = match name.as_str() {
            "a" => &["keep"],
            "a/b" => &["a", "keep"],
            _ => &["a", "a/b", "keep"],
        };
        prop_assert_eq!(server.folders(), expected);
        prop_assert!(outcomes[0].is_ok() || server.requests().is_empty());
    }
}
