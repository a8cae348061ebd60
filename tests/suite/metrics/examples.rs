//! The alerts and the dashboard in `examples`: that they ask for nothing but what upkeep writes. Where `promtool` is
//! installed it has the last word.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use upkeep_jobs::JOBS;

use super::{EXECUTE, exposition, files, measured};
use crate::site::DatabaseKind;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn rules() -> String {
    std::fs::read_to_string(example("prometheus/upkeep.rules.yml")).unwrap()
}

fn dashboard() -> Value {
    serde_json::from_str(&std::fs::read_to_string(example("grafana/upkeep.json")).unwrap()).unwrap()
}

/// The metrics that are written, the labels that they have, and those that every scrape adds.
fn written() -> (BTreeSet<String>, BTreeSet<String>) {
    let (site, directory) = measured(DatabaseKind::Sqlite);
    site.execute(
        "INSERT INTO upkeep_pending_deletions (kind, location, target, job, run_id, recorded_at) \
         VALUES ('object', 'elsewhere', 'x', 'room-cleanup', x'00', 0)",
    );
    site.upkeep(&EXECUTE).expect(3);
    site.execute("UPDATE upkeep_runs SET outcome = 'succeeded'");
    site.upkeep(&EXECUTE).expect(3);
    let samples = exposition::read(&directory);
    let names = samples.keys().map(|sample| sample.split('{').next().unwrap().to_owned()).collect();
    let labels = samples.keys().flat_map(|sample| sample.split(['{', ',']).skip(1));
    let labels = labels.map(|label| label.split('=').next().unwrap().to_owned());
    (names, labels.chain(["instance", "job"].map(str::to_owned)).collect())
}

/// The words of an expression that name metrics of ours.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("upkeep_")).map(str::to_owned).collect()
}

/// The labels that an expression selects, joins or groups by.
fn labels_in(expression: &str) -> BTreeSet<String> {
    let selectors = expression.split('{').skip(1).flat_map(|rest| rest.split('}').next().unwrap().split(','));
    let selected = selectors.map(|part| part.split(['=', '!']).next().unwrap().trim().to_owned());
    let joined = expression.split("on (").skip(1).flat_map(|rest| rest.split(')').next().unwrap().split(','));
    selected.chain(joined.map(|label| label.trim().to_owned())).collect()
}

#[track_caller]
fn assert_asks_for_what_there_is(expression: &str, (names, labels): &(BTreeSet<String>, BTreeSet<String>)) {
    let used = metrics_in(expression);
    assert!(!used.is_empty() && used.is_subset(names), "{expression}");
    assert!(labels_in(expression).is_subset(labels), "{:?} in {expression}", labels_in(expression));
    for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
        assert_eq!(expression.matches(open).count(), expression.matches(close).count(), "{expression}");
    }
    assert_eq!(expression.matches('"').count() % 2, 0, "{expression}");
}

/// One alert, its fields by name.
fn alerts(rules: &str) -> Vec<std::collections::BTreeMap<&str, &str>> {
    let mut alerts = Vec::new();
    for part in rules.split("      - alert: ").skip(1) {
        let mut lines = part.lines();
        let mut fields = std::collections::BTreeMap::from([("alert", lines.next().unwrap())]);
        for line in lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) = line.split_once(':').unwrap();
            assert!(fields.insert(name, value.trim()).is_none(), "{name} twice in {part}");
        }
        alerts.push(fields);
    }
    alerts
}

#[test]
fn alerts_ask_for_metrics_that_are_written_and_say_what_to_do() {
    let (rules, written) = (rules(), written());
    let alerts = alerts(&rules);
    assert_eq!(alerts.len(), rules.matches("alert:").count());
    let mut names = BTreeSet::new();
    for alert in &alerts {
        assert!(names.insert(alert["alert"]) && alert["alert"].starts_with("Upkeep"), "{alert:?}");
        assert_asks_for_what_there_is(alert["expr"], &written);
        assert!(["warning", "critical"].contains(&alert["severity"]), "{alert:?}");
        for text in ["summary", "runbook"] {
            let text = alert[text].strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            assert!(text.len() > 30 && !text.contains('"'), "{text}");
            for label in text.split("$labels.").skip(1) {
                let label = label.split(' ').next().unwrap();
                assert!(written.1.contains(label), "{label} in {text}");
            }
        }
        let known = ["alert", "expr", "for", "labels", "severity", "annotations", "summary", "runbook"];
        assert!(alert.keys().all(|field| known.contains(field)), "{alert:?}");
    }
    // What is named in the comment is a job.
    for name in rules.split("job_type=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(JOBS.iter().any(|job| job.name() == name), "{name}");
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_are_written_and_shows_each_of_them() {
    let (dashboard, written) = (dashboard(), written());
    let mut shown = BTreeSet::new();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let expression = target["expr"].as_str().unwrap();
        assert_asks_for_what_there_is(expression, &written);
        shown.extend(metrics_in(expression));
        let legend = target["legendFormat"].as_str().unwrap();
        for label in legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()) {
            assert!(written.1.contains(label), "{legend}");
        }
    }
    assert_eq!(shown, written.0);
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        assert_asks_for_what_there_is(annotation["expr"].as_str().unwrap(), &written);
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    for query in variables.iter().filter_map(|variable| variable["query"]["query"].as_str()) {
        assert!(metrics_in(query).is_subset(&written.0) && query.ends_with(')'), "{query}");
    }
}

/// Prometheus' own tool, where there is one. It is a large package, and what it checks here is checked without it, too,
/// but for the language of expressions.
fn promtool(arguments: &[&str], directory: &Path, input: &str) -> Option<String> {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("promtool is not installed (Debian's package `prometheus` has it): {arguments:?} was left to it");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    Some(said)
}

#[test]
fn promtool_finds_no_fault() {
    let (site, directory) = measured(DatabaseKind::Sqlite);
    site.upkeep(&EXECUTE).expect(0);
    for name in files(&directory) {
        let text = std::fs::read_to_string(directory.join(name)).unwrap();
        if let Some(said) = promtool(&["check", "metrics"], &directory, &text) {
            assert_eq!(said, "");
        }
    }
    let rules = example("prometheus/upkeep.rules.yml");
    if let Some(said) = promtool(&["check", "rules", rules.to_str().unwrap()], &directory, "") {
        assert!(said.contains(&format!("{} rules found", alerts(&self::rules()).len())), "{said}");
    }
    // When they fire and when not.
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/metrics");
    promtool(&["test", "rules", "alerts.yml"], &cases, "");
}
