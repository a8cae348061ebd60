use std::path::Path;

use super::{Machine, load, refusal, refusal_of_variable};

#[test]
fn nobody_is_told_unless_that_is_configured() {
    for nothing in ["", "[metrics]\n[notify]"] {
        let monitored = load(nothing).monitored;
        assert!(monitored.metrics_dir.is_none() && monitored.ping_url.is_none());
    }
}

#[test]
fn a_relative_directory_starts_where_it_is_named() {
    let machine = Machine::new();
    let directory =
        |file: &str, variables: &[(&str, &str)]| machine.load(file, variables).unwrap().monitored.metrics_dir.unwrap();
    assert_eq!(directory("metrics.dir = 'm'", &[]), machine.path("here/m"));
    assert_eq!(directory("metrics.dir = '/m'", &[]), Path::new("/m"));
    assert_eq!(directory("metrics.dir = '/m'", &[("UPKEEP_METRICS__DIR", "x")]), machine.path("here/x"));
    assert!(refusal("metrics.dir = '~/m'").contains("which only shells expand"));
    assert_eq!(
        refusal("metrics.directory = '/m'"),
        "metrics.directory (~~/here/upkeep.toml, line 1) is not a known key\nhint: known are dir"
    );
}

#[test]
fn the_address_for_pings_is_a_secret_wherever_it_stands() {
    let machine = Machine::new();
    let url = "https://hc.example.org/s3cret/{job}";
    machine.write("credentials/notify.ping_url", format!("{url}\n"));
    let file = machine.write("url", url);
    let credentials = machine.path("credentials").to_str().unwrap().to_owned();
    let here = format!("notify.ping_url = '{url}'");
    let sources: [(&str, (&str, &str)); 5] = [
        (&here, ("NOTHING", "")),
        ("", ("UPKEEP_NOTIFY__PING_URL", url)),
        ("", ("UPKEEP_NOTIFY__PING_URL_FILE", &file)),
        ("notify.ping_url_file = '../url'", ("NOTHING", "")),
        ("", ("CREDENTIALS_DIRECTORY", &credentials)),
    ];
    for (file, variable) in sources {
        let config = machine.load(file, &[variable]).unwrap();
        assert!(config.monitored.ping_url.as_ref().unwrap().tells_jobs_apart());
        assert!(config.show().contains("ping_url = \"***\"") && !config.show().contains("s3cret"));
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}

#[test]
fn an_address_that_cannot_work_is_refused_with_its_place() {
    for (wrong, told) in [
        ("hc.example.org/s3cret", "must start with https:// or http://"),
        ("https://u:s3cret@hc.example.org", "must not contain a user name or password"),
        ("https://hc.example.org/s3cret/{jobs}", "has braces other than those of {job}"),
        ("https://hc.example.org/s3cret?create=1", "must end before any ? or #"),
    ] {
        let hint = "\nhint: write it like https://hc-ping.com/<ping key>/{job}; {job} stands for the name of the job, so that \
                    each job has a check of its own";
        let place = "notify.ping_url (~~/here/upkeep.toml, line 1)";
        assert_eq!(refusal(&format!("notify.ping_url = '{wrong}'")), format!("{place} {told}{hint}"));
        let place = "the environment variable UPKEEP_NOTIFY__PING_URL";
        assert_eq!(refusal_of_variable("UPKEEP_NOTIFY__PING_URL", wrong), format!("{place} {told}{hint}"));
    }
}
