//! The file for /etc/cron.d: read as strictly as cron reads it, and its commands run.

use std::process::{Command, Stdio};

use super::examples;
use crate::site::{DatabaseKind, Event, Run, Sample, Site, StorageKind, finish};
use upkeep_jobs::JOBS;

/// A line that starts something.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    /// Minute, hour, day of the month, month, day of the week: the numbers at which it is started.
    times: [Vec<u32>; 5],
    user: &'a str,
    command: &'a str,
}

const BOUNDS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];

/// A field as crontab(5) has it: `*`, numbers, ranges, lists and steps.
fn field(text: &str, (low, high): (u32, u32)) -> Result<Vec<u32>, String> {
    let mut times = Vec::new();
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, Ok(1)), |(range, step)| (range, step.parse()));
        let number = |text: &str| match text.parse::<u32>() {
            Ok(number) if (low..=high).contains(&number) && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(number)
            }
            _ => Err(format!("{text:?} is not a number from {low} to {high}")),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(range)?, number(range)?),
        };
        let step: usize = step.map_err(|_| format!("{part:?} has no step"))?;
        if from > to || step == 0 {
            return Err(format!("{part:?} holds nothing"));
        }
        times.extend((from..=to).step_by(step));
    }
    Ok(times)
}

/// A file of /etc/cron.d: comments, variables and entries with a user.
#[derive(Debug, Default)]
struct Crontab<'a> {
    variables: Vec<(&'a str, &'a str)>,
    entries: Vec<Entry<'a>>,
}

fn parse(text: &str) -> Result<Crontab<'_>, String> {
    let mut crontab = Crontab::default();
    if !text.ends_with('\n') {
        return Err("cron passes over a last line without an end".to_owned());
    }
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        // Lines of cron's own may have 1,000 characters.
        if line.len() >= 1_000 || line.contains('%') || line.starts_with(char::is_whitespace) {
            return Err(format!("{line:?} is not taken as it stands"));
        }
        if let Some((name, value)) = line.split_once('=')
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        {
            crontab.variables.push((name, value));
            continue;
        }
        let mut words = line.splitn(7, ' ');
        let mut times: [Vec<u32>; 5] = Default::default();
        for (times, bounds) in times.iter_mut().zip(BOUNDS) {
            *times = field(words.next().unwrap_or_default(), bounds)?;
        }
        let (Some(user), Some(command)) = (words.next(), words.next()) else {
            return Err(format!("{line:?} has no user or no command"));
        };
        crontab.entries.push(Entry { times, user, command });
    }
    Ok(crontab)
}

#[test]
fn the_parser_is_strict() {
    assert_eq!(field("1-9/4,30", BOUNDS[0]).unwrap(), [1, 5, 9, 30]);
    for wrong in ["60", "-1", "", "a", "5-3", "*/0", "1,,2", "+5", "1-", "*/x"] {
        assert!(field(wrong, BOUNDS[0]).is_err(), "{wrong}");
    }
    for wrong in ["5 3 * * upkeep true\n", "5 3 * * * upkeep\n", "5 3 * * * upkeep true", "5 3 * * * upkeep date +%s\n"]
    {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_scheduled_job_is_started_once_a_night() {
    let files = examples("cron");
    let Crontab { variables, entries } = parse(&files["upkeep"]).unwrap();
    let scheduled: Vec<_> = JOBS.iter().filter(|job| job.schedule().is_some()).map(|job| job.name()).collect();
    assert_eq!(entries.len(), scheduled.len());
    for job in scheduled {
        let of_job = |entry: &&Entry<'_>| entry.command.contains(&format!(" jobs execute {job} "));
        let [entry] = entries.iter().filter(of_job).collect::<Vec<_>>()[..] else { panic!("{job} in {entries:#?}") };
        let [minutes, hours, days, months, weekdays] = &entry.times;
        assert_eq!((minutes.len(), hours.len(), days.len(), months.len(), weekdays.len()), (1, 1, 31, 12, 8), "{job}");
        assert_eq!(entry.user, "upkeep");
        let time = JOBS.iter().find(|other| other.name() == job).and_then(|job| job.schedule()).unwrap();
        assert!(time.on_calendar().ends_with(&format!(" {:02}:{:02}:00", hours[0], minutes[0])), "{job}");
    }
    assert!(variables.contains(&("STATE_DIRECTORY", "/var/lib/upkeep")), "{variables:?}");
}

/// Runs all commands of the file as cron would, on this site.
fn night(site: &Site) -> Vec<Run> {
    let files = examples("cron");
    let Crontab { variables, entries } = parse(&files["upkeep"]).unwrap();
    let jobs = site.path().join("jobs");
    std::fs::create_dir_all(&jobs).unwrap();
    for (name, contents) in files.iter().filter_map(|(name, contents)| Some((name.strip_prefix("jobs/")?, contents))) {
        std::fs::write(jobs.join(name), contents).unwrap();
    }
    let run = |entry: &Entry<'_>| {
        let here = entry
            .command
            .replace("/usr/bin/upkeep", env!("CARGO_BIN_EXE_upkeep"))
            .replace("/etc/upkeep/upkeep.toml", site.configuration().to_str().unwrap())
            .replace("/etc/upkeep/jobs", jobs.to_str().unwrap());
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &here]).current_dir("/").env_clear().env("HOME", site.path()).envs(variables.iter().copied());
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(shell.spawn().unwrap())
    };
    entries.iter().filter(|entry| !entry.command.contains("keycloak")).map(run).collect()
}

#[test]
fn a_night_in_which_all_goes_well_sends_no_mail() {
    for (database, storage) in
        [(DatabaseKind::Postgres, StorageKind::Directory), (DatabaseKind::Sqlite, StorageKind::Directory)]
    {
        let site = Site::new(database, storage);
        site.fill(&Sample::of([Event::ended(31).with_assets(2), Event::ended(29)]));
        for night in [night(&site), night(&site)] {
            assert_eq!(night.len(), JOBS.len() - 2);
            for run in night {
                let run = run.expect(0);
                assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
            }
        }
        // The sample's events belong to somebody who was disabled long ago.
        assert!(site.events().is_empty() && site.objects().is_empty());
    }
}

#[test]
fn a_night_in_which_nothing_goes_sends_one_mail_for_each_job() {
    let mut site = Site::new(DatabaseKind::Sqlite, StorageKind::Directory);
    site.set("databse", "");
    for run in night(&site) {
        let run = run.expect(78);
        assert!(run.stderr.contains("error: ") && run.stderr.contains("databse"), "{run:#?}");
    }
}
