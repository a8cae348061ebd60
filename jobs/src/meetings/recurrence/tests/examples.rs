//! Last occurrences of rules as they stand in RFC 5545 section 3.8.5.3, and of some that programs often get wrong.

use super::*;

const NEW_YORK: &str = "America/New_York";

#[test]
fn rules_of_the_standard() {
    for (start, rule, last) in [
        ("1997-09-02 09:00", "FREQ=DAILY;COUNT=10", "1997-09-11 09:00"),
        ("1997-09-02 09:00", "FREQ=DAILY;UNTIL=19971224T000000Z", "1997-12-23 09:00"),
        ("1997-09-02 09:00", "FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-10-12 09:00"),
        (
            "1998-01-01 09:00",
            "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
            "2000-01-31 09:00",
        ),
        ("1998-01-01 09:00", "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1", "2000-01-31 09:00"),
        ("1997-09-02 09:00", "FREQ=WEEKLY;COUNT=10", "1997-11-04 09:00"),
        ("1997-09-02 09:00", "FREQ=WEEKLY;UNTIL=19971224T000000Z", "1997-12-23 09:00"),
        ("1997-09-02 09:00", "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", "1997-10-02 09:00"),
        (
            "1997-09-01 09:00",
            "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
            "1997-12-22 09:00",
        ),
        ("1997-09-02 09:00", "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", "1997-10-16 09:00"),
        ("1997-08-05 09:00", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-24 09:00"),
        ("1997-08-05 09:00", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-31 09:00"),
        ("1997-09-05 09:00", "FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "1998-06-05 09:00"),
        ("1997-09-05 09:00", "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR", "1997-12-05 09:00"),
        ("1997-09-07 09:00", "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", "1998-05-31 09:00"),
        ("1997-09-22 09:00", "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "1998-02-16 09:00"),
        ("1997-09-28 09:00", "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=6", "1998-02-26 09:00"),
        ("1997-09-02 09:00", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", "1998-01-15 09:00"),
        ("1997-09-30 09:00", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1", "1998-02-01 09:00"),
        ("1997-09-10 09:00", "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15", "1999-03-13 09:00"),
        ("1997-09-02 09:00", "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU;COUNT=18", "1998-03-31 09:00"),
        ("1997-09-02 09:00", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=5", "2000-10-13 09:00"),
        ("1997-09-13 09:00", "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13;COUNT=10", "1998-06-13 09:00"),
        ("1997-09-04 09:00", "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-11-06 09:00"),
        ("1997-09-29 09:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=7", "1998-03-30 09:00"),
        ("2007-01-15 09:00", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007-03-30 09:00"),
        ("1997-06-10 09:00", "FREQ=YEARLY;COUNT=10;BYMONTH=6,7", "2001-07-10 09:00"),
        ("1997-03-10 09:00", "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3", "2003-03-10 09:00"),
        ("1997-01-01 09:00", "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", "2006-01-01 09:00"),
        ("1997-05-19 09:00", "FREQ=YEARLY;BYDAY=20MO;COUNT=3", "1999-05-17 09:00"),
        ("1997-05-12 09:00", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=3", "1999-05-17 09:00"),
        ("1997-03-13 09:00", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=11", "1999-03-25 09:00"),
        (
            "1996-11-05 09:00",
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=3",
            "2004-11-02 09:00",
        ),
        ("1997-09-02 09:00", "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z", "1997-09-02 15:00"),
        ("1997-09-02 09:00", "FREQ=MINUTELY;INTERVAL=15;COUNT=6", "1997-09-02 10:15"),
        ("1997-09-02 09:00", "FREQ=MINUTELY;INTERVAL=90;COUNT=4", "1997-09-02 13:30"),
        ("1997-09-02 09:00", "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40;COUNT=26", "1997-09-03 09:20"),
    ] {
        assert_last(&series(start, NEW_YORK, rule), last);
    }
}

#[test]
fn rules_that_programs_often_get_wrong() {
    for (start, rule, last) in [
        ("2024-01-02 10:00", "FREQ=MONTHLY;BYDAY=1TU,1FR,-1FR;COUNT=6", "2024-02-23 10:00"),
        // A week number alone means the weekday of the start.
        ("2024-05-14 10:00", "FREQ=YEARLY;BYWEEKNO=20;COUNT=3", "2026-05-12 10:00"),
        ("2020-12-31 10:00", "FREQ=YEARLY;BYWEEKNO=-1;BYDAY=TH;COUNT=2", "2021-12-30 10:00"),
        // Week 1 of 2025 starts in December 2024.
        ("2024-01-01 10:00", "FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO;COUNT=2", "2024-12-30 10:00"),
        // Week 1 has four days of the year: with weeks from Sunday 2026 starts with week 53.
        ("2024-06-01 10:00", "FREQ=YEARLY;BYWEEKNO=1;BYDAY=SU;WKST=SU;COUNT=2", "2026-01-04 10:00"),
        ("2024-01-01 10:00", "FREQ=DAILY;BYHOUR=8,10,12;BYSETPOS=-1,1,2;COUNT=4", "2024-01-02 10:00"),
        ("2024-01-01 10:00", "FREQ=YEARLY;BYDAY=MO;BYSETPOS=-1,1;COUNT=3", "2025-01-06 10:00"),
        // Leap days and short months are left out, not moved.
        ("2024-02-29 10:00", "FREQ=YEARLY;COUNT=3", "2032-02-29 10:00"),
        ("2024-01-31 10:00", "FREQ=MONTHLY;COUNT=3", "2024-05-31 10:00"),
        ("2024-01-31 10:00", "FREQ=MONTHLY;BYMONTHDAY=-31;COUNT=3", "2024-07-01 10:00"),
        ("2024-12-31 10:00", "FREQ=YEARLY;BYYEARDAY=366;COUNT=2", "2028-12-31 10:00"),
        ("2024-12-31 10:00", "FREQ=YEARLY;BYYEARDAY=-366;COUNT=1", "2028-01-01 10:00"),
        ("2024-01-01 10:00", "FREQ=YEARLY;BYDAY=53MO;COUNT=2", "2029-12-31 10:00"),
        ("2024-01-01 10:00", "FREQ=YEARLY;BYMONTHDAY=1;COUNT=3", "2024-03-01 10:00"),
        // Steps that do not divide the day go on through days that the rule leaves out.
        ("2024-01-01 10:00", "FREQ=HOURLY;INTERVAL=5;BYDAY=WE;COUNT=2", "2024-01-03 07:00"),
        ("2024-01-01 10:00", "FREQ=HOURLY;BYYEARDAY=2;COUNT=3", "2024-01-02 02:00"),
    ] {
        assert_last(&series(start, "Europe/Berlin", rule), last);
    }
}

/// Right rules for which the crate `rrule` would yield wrong occurrences, or take long.
#[test]
fn rules_that_are_not_supported_are_unclear() {
    let times = "BYHOUR, BYMINUTE, BYSECOND or BYSETPOS in a rule by the hour, minute or second";
    for (rule, part) in [
        ("FREQ=MONTHLY;BYDAY=FR,1TU", "a BYDAY with and without numbers"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU,MO", "a BYDAY with and without numbers"),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", "BYSETPOS in a WEEKLY rule"),
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=FR", "BYWEEKNO 52 or 53, counted from either end"),
        ("FREQ=YEARLY;BYWEEKNO=1,-52;BYDAY=FR", "BYWEEKNO 52 or 53, counted from either end"),
        ("FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16", times),
        ("FREQ=MINUTELY;INTERVAL=7;BYHOUR=9,11", times),
        ("FREQ=SECONDLY;INTERVAL=90;BYSECOND=0", times),
        ("FREQ=HOURLY;BYYEARDAY=2;BYMINUTE=0,30", times),
        ("FREQ=HOURLY;BYDAY=TU;BYSETPOS=1", times),
    ] {
        let reason = format!("its RRULE has {part}, which is not supported");
        assert_unclear(&series("1997-09-02 09:00", NEW_YORK, &format!("{rule};COUNT=3")), &reason);
        // What has no end needs no expansion.
        let endless = series("1997-09-02 09:00", NEW_YORK, rule);
        assert_eq!(judge(&endless, utc("2999-01-01 00:00")), Verdict::NotOver, "{rule}");
    }
    let number = "the BYDAY or BYSETPOS of its RRULE has a number that is not supported";
    assert_unclear(&series("1997-09-01 09:00", NEW_YORK, "FREQ=MONTHLY;BYDAY=-5MO;COUNT=3"), number);
    assert_unclear(&series("1997-09-01 09:00", NEW_YORK, "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=32;COUNT=3"), number);
}
