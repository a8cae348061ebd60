use std::time::Duration;

use upkeep_jobs::kit::{Allowance, Guard};

use super::{Machine, load, refusal, refusal_of_variable};

fn safety(lines: &str) -> Guard {
    load(&format!("[safety]\n{lines}")).safety
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let expected = Guard {
        deletion: true,
        max_affected_percent: 10,
        max_affected_floor: 100,
        room_minimum_age: Duration::ZERO,
        allowance: Allowance::default(),
    };
    assert_eq!(safety(""), expected);
}

#[test]
fn file_and_environment_read_the_same() {
    let lines = "deletion = false\nmax_affected_percent = 0\nmax_affected_floor = 0x10\nroom_minimum_age = '36h'";
    let variables = [
        ("UPKEEP_SAFETY__DELETION", "false"),
        ("UPKEEP_SAFETY__MAX_AFFECTED_PERCENT", "0"),
        ("UPKEEP_SAFETY__MAX_AFFECTED_FLOOR", "16"),
        ("UPKEEP_SAFETY__ROOM_MINIMUM_AGE", "129600"),
    ];
    let expected = Guard {
        deletion: false,
        max_affected_percent: 0,
        max_affected_floor: 16,
        room_minimum_age: Duration::from_secs(36 * 3600),
        allowance: Allowance::default(),
    };
    assert_eq!(safety(lines), expected);
    assert_eq!(Machine::new().load("", &variables).unwrap().safety, expected);
}

#[test]
fn ages_are_words_or_seconds() {
    for (text, seconds) in [("90", 90), ("'90'", 90), ("'90s'", 90), ("'1h 30m'", 5400), ("'7days'", 604_800), ("0", 0)]
    {
        assert_eq!(safety(&format!("room_minimum_age = {text}")).room_minimum_age, Duration::from_secs(seconds));
    }
    for wrong in ["'soon'", "'-1s'", "-1", "''", "1.5", "true", "['1h']", "'1 parsec'"] {
        let told = refusal(&format!("safety.room_minimum_age = {wrong}"));
        assert!(told.starts_with("safety.room_minimum_age (~~/here/upkeep.toml, line 1) "), "{told}");
    }
    for endless in ["3155760001", "'18446744073709551615'", "'10000y'", "9223372036854775807"] {
        let told = refusal(&format!("safety.room_minimum_age = {endless}"));
        assert!(told.ends_with("must not be longer than a hundred years"), "{told}");
    }
}

#[test]
fn numbers_have_their_limits() {
    assert_eq!(safety("max_affected_percent = 100").max_affected_percent, 100);
    for wrong in ["101", "256", "356", "9223372036854775807"] {
        let told = refusal(&format!("safety.max_affected_percent = {wrong}"));
        assert!(told.ends_with("must be a percentage between 0 and 100"), "{told}");
    }
    for (wrong, told) in [
        ("-1", "must be a whole number, 0 or more, not \"-1\""),
        ("9223372036854775808", "this number is too large"),
        ("99999999999999999999999999999999999999999999", "this number is too large"),
        ("10.5", "not a fraction"),
        ("inf", "not a fraction"),
        ("'10'", "not a string"),
        ("true", "not true or false"),
        ("2026-11-01", "not a date or time"),
        ("[10]", "not an array"),
        ("{ a = 1 }", "not a section"),
    ] {
        let refusal = refusal(&format!("safety.max_affected_floor = {wrong}"));
        assert!(refusal.ends_with(told), "{refusal}");
    }
    assert_eq!(safety("max_affected_floor = 9223372036854775807").max_affected_floor, i64::MAX as u64);
}

#[test]
fn variables_of_the_wrong_form_say_what_is_expected() {
    for (name, value, told) in [
        ("UPKEEP_SAFETY__DELETION", "no", "must be true or false, not \"no\""),
        ("UPKEEP_SAFETY__DELETION", "False", "must be true or false, not \"False\""),
        ("UPKEEP_SAFETY__DELETION", "", "is empty; give it a value or remove it"),
        ("UPKEEP_SAFETY__MAX_AFFECTED_FLOOR", "many", "must be a whole number, 0 or more, not \"many\""),
        ("UPKEEP_SAFETY__MAX_AFFECTED_FLOOR", "1e3", "must be a whole number, 0 or more, not \"1e3\""),
        (
            "UPKEEP_SAFETY__MAX_AFFECTED_FLOOR",
            "18446744073709551616",
            "must be a whole number, 0 or more, not \"18446744073709551616\"",
        ),
        ("UPKEEP_SAFETY__MAX_AFFECTED_PERCENT", "11%", "must be a whole number, 0 or more, not \"11%\""),
    ] {
        assert_eq!(refusal_of_variable(name, value), format!("the environment variable {name} {told}"));
    }
}
