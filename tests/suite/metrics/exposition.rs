//! The text format of metrics, read as strictly as node_exporter and Prometheus together read it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// All samples of a directory, by name and labels as they are written.
pub(super) type Samples = BTreeMap<String, f64>;

/// A family of metrics: its help and its type.
type Families = BTreeMap<String, (String, String)>;

/// Reads every file that the collector would read.
pub(super) fn read(directory: &Path) -> Samples {
    let mut names: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let (mut families, mut samples) = (Families::new(), Samples::new());
    for name in names.iter().filter(|name| name.to_str().unwrap().ends_with(".prom")) {
        let (own_families, own_samples) = parse(&std::fs::read_to_string(name).unwrap());
        for (family, described) in own_families {
            let known = families.entry(family.clone()).or_insert_with(|| described.clone());
            assert_eq!(*known, described, "{family} is described differently in {name:?}");
        }
        for (sample, value) in own_samples {
            assert!(samples.insert(sample.clone(), value).is_none(), "{sample} once more in {name:?}");
        }
    }
    samples
}

/// Parses one file.
pub(super) fn parse(text: &str) -> (Families, Samples) {
    assert!(text.ends_with('\n') && !text.contains('\r'), "{text:?}");
    let (mut families, mut samples, mut current) = (Families::new(), Samples::new(), String::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            let kind = lines.next().unwrap().strip_prefix("# TYPE ").unwrap().strip_prefix(name).unwrap();
            assert!(is_name(name, true) && !help.is_empty() && help.trim() == help && !help.contains('\\'), "{line}");
            assert!([" gauge", " counter"].contains(&kind), "{kind}");
            assert!(lines.peek().is_some_and(|next| next.starts_with(name)), "{name} has no samples");
            let described = (help.to_owned(), kind.trim_start().to_owned());
            assert!(families.insert(name.to_owned(), described).is_none(), "{name} twice");
            current = name.to_owned();
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        assert_eq!(name, current, "a sample outside of its family");
        check_labels(labels.strip_suffix('}').unwrap());
        let value: f64 = value.parse().unwrap();
        assert!(value.is_finite());
        assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} twice");
    }
    (families, samples)
}

fn check_labels(labels: &str) {
    let mut seen = BTreeSet::new();
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').unwrap();
        assert!(is_name(name, false) && seen.insert(name), "{labels}");
        // A scrape overwrites these.
        assert!(!["job", "instance"].contains(&name) && !name.starts_with("__"), "{labels}");
        let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        assert!(!value.contains(['"', '\\']) && !value.is_empty(), "{labels}");
    }
}

fn is_name(name: &str, of_metric: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphabetic() || c == '_' || (of_metric && c == ':');
    name.starts_with(fits) && name.chars().all(|c| fits(c) || c.is_ascii_digit())
}
