use std::fs;
use std::io;

use proptest::prelude::*;

use super::{Machine, load, refusal};
use crate::config::secret_files::unreadable;

#[test]
fn an_empty_file_is_a_file_of_defaults() {
    for empty in ["", "\n", "# nothing\n", "\u{feff}", "[database]\n[safety]\n"] {
        assert!(load(empty).safety.deletion);
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_file() {
    assert!(!load("\u{feff}[safety]\r\ndeletion = false\r\n").safety.deletion);
}

#[test]
fn dotted_keys_and_inline_tables_are_sections_too() {
    assert!(!load("safety.deletion = false").safety.deletion);
    assert!(!load("safety = { deletion = false }").safety.deletion);
}

#[test]
fn malformed_toml_is_refused_with_line_and_column_but_without_its_text() {
    assert_eq!(
        refusal("[database]\nurl = 'ä' hunter2\n"),
        "the configuration file ~~/here/upkeep.toml is no valid TOML: line 2, column 11: unexpected key or value, \
         expected newline, `#`\n\
         hint: strings stand in quotes; one with quotes or backslashes in it is easiest in '…' or '''…'''"
    );
    for (wrong, place) in [
        ("hunter2", "line 1, column"),
        ("[database]\nurl = hunter2\n", "line 2, column"),
        ("[database]\nurl = \"hunter2\nhunter2\"\n", "line 2, column"),
        ("[database]\nurl = \"hun\\ter2\\q\"\n", "line 2, column"),
        ("[database]\nurl = 'hunter2'\nurl = 'hunter2'\n", "line 3, column 1: duplicate key"),
        ("[database]\n[database]\n", "line 2, column"),
        ("[database\nurl = 'hunter2'", "line 1, column"),
        ("a\0b = 1", "line 1, column"),
        ("[database]\nurl = 'hunter2\0'", "line 2, column"),
        ("=", "line 1, column 1"),
    ] {
        let told = refusal(wrong);
        assert!(told.contains(place) && told.contains("is no valid TOML"), "{wrong:?}: {told}");
        assert!(!told.contains("hunter2"), "{wrong:?}: {told}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let machine = Machine::new();
    assert_eq!(
        machine.refusal(b"[database]\nurl = 'h\xfcnter2'", &[]),
        "the configuration file ~~/here/upkeep.toml is not UTF-8 (line 2)\nhint: save it as UTF-8"
    );
    let utf16: Vec<u8> = "\u{feff}[safety]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(machine.refusal(utf16, &[]).contains("is not UTF-8 (line 1)"));
}

#[test]
fn what_is_no_readable_file_is_refused() {
    let machine = Machine::new();
    fs::create_dir(machine.path("here/folder")).unwrap();
    assert_eq!(
        machine.refusal("", &[("UPKEEP_CONFIG", "folder")]),
        "cannot read the configuration file ~~/here/folder (named by UPKEEP_CONFIG)\n\
         cause: Is a directory (os error 21)\n\
         hint: name a file, not a directory"
    );
    assert!(machine.refusal("", &[("UPKEEP_CONFIG", "/dev/zero")]).contains("larger than 1 MiB"));
    // Root, who runs some test machines, may read everything; hence not with a real file.
    let forbidden = unreadable("cannot read it".to_owned(), io::ErrorKind::PermissionDenied.into());
    assert!(machine.told(forbidden).ends_with("hint: let the user that runs upkeep read it"));
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    assert_eq!(
        refusal("[storage]\n\nsecret_kye = 'hunter2'"),
        "storage.secret_kye (~~/here/upkeep.toml, line 3) is not a known key\n\
         hint: did you mean secret_key? (known are kind, path, uri, bucket, region, access_key, secret_key, \
         force_path_style, access_key_file, secret_key_file)"
    );
    assert_eq!(
        refusal("[database]\nabcdefghijk = 1"),
        "database.abcdefghijk (~~/here/upkeep.toml, line 2) is not a known key\nhint: known are url, url_file"
    );
    assert!(refusal("[database]\nbucket = 'x'").ends_with("hint: bucket belongs in [storage]"));
    assert!(refusal("[storage]\nbucket_file = 'x'").contains("did you mean bucket?"));
    assert!(refusal("[database]\nURL = 'x'").contains("database.URL (~~/here/upkeep.toml, line 2) is not a known key"));
}

#[test]
fn unknown_sections_name_the_nearest_known_one() {
    assert_eq!(
        refusal("[storrage]\nkind = 's3'"),
        "storrage (~~/here/upkeep.toml, line 1) is not a known section\n\
         hint: did you mean storage? (known are database, storage, identity, shared_folder, metrics, notify, safety)"
    );
    assert!(refusal("[queue]").contains("queue (~~/here/upkeep.toml, line 1) is not a known section"));
    assert!(refusal("url = 'x'").ends_with("hint: put it below [database] or [shared_folder]"));
}

#[test]
fn sections_and_values_of_the_wrong_type_are_refused() {
    for (wrong, told) in [
        (
            "database = 'hunter2'",
            "database (~~/here/upkeep.toml, line 1) must be a section: write [database] on a line",
        ),
        ("[[database]]\nurl = 'hunter2'", "database (~~/here/upkeep.toml, line 1) must be a section"),
        (
            "[database]\nurl = ['hunter2']",
            "database.url (~~/here/upkeep.toml, line 2) must be a string in quotes, not an array",
        ),
        ("[database]\nurl = 5", "must be a string in quotes, not a number"),
        ("[database.url]\nhunter2 = 1", "must be a string in quotes, not a section"),
        (
            "[database]\nurl_file = true",
            "database.url_file (~~/here/upkeep.toml, line 2) must be a string in quotes, not true",
        ),
        ("[safety]\ndeletion = 'true'", "must be true or false, not a string"),
        ("[safety]\ndeletion = 1", "must be true or false, not a number"),
        (
            "[storage]\nbucket = ''",
            "storage.bucket (~~/here/upkeep.toml, line 2) is empty; give it a value or remove it",
        ),
        ("[storage]\nbucket = \"a\\u0000\"", "contains a NUL character"),
        ("[storage]\nbucket = \"a\\nb\"", "contains control characters"),
    ] {
        let refusal = refusal(wrong);
        assert!(refusal.contains(told) && !refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn a_value_that_is_overridden_is_still_checked() {
    let told = Machine::new().refusal("[safety]\ndeletion = 'x'", &[("UPKEEP_SAFETY__DELETION", "true")]);
    assert!(told.contains("must be true or false"), "{told}");
}

#[test]
fn names_from_the_file_cannot_take_over_the_terminal_or_the_screen() {
    let told = refusal("[storage]\n\"a\\u001b[2J\\n\" = 1");
    assert!(told.starts_with("storage.a\\u{1b}[2J\\n (~~"), "{told}");
    let told = refusal(&format!("[{}]", "x".repeat(100_000)));
    assert!(told.len() < 300, "{told}");
}

proptest! {
    #[test]
    fn no_file_makes_it_panic_or_tell_a_secret(garbage in r#"[\[\]="'\\#.{},a-z0-9\n -]{0,20}"#, quote in r#"["']"#) {
        let machine = Machine::new();
        let text = format!("[shared_folder]\npassword = {quote}hunter2{garbage}");
        let told = match machine.load(text, &[]) {
            Ok(config) => format!("{config:?}{}", config.show()),
            Err(problem) => format!("{problem:?}") + &machine.told(problem),
        };
        prop_assert!(!told.contains("hunter2"), "{}", told);
    }
}
