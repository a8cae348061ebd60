//! Pages of the jobs, from what each of them says of itself.

use serde_json::{Map, Value};
use upkeep_jobs::JOBS;
use upkeep_jobs::kit::{AnyJob, type_in_words};

use super::exit_codes;
use super::page::{Page, reference};
use crate::cli::exit_status;

/// `upkeep-event-cleanup`.
pub(super) fn page_name(job: &dyn AnyJob) -> String {
    format!("upkeep-{}", job.name())
}

pub(super) fn page(job: &dyn AnyJob) -> Page {
    let mut page = Page::new(&page_name(job), 7, job.about());
    page.heading("SYNOPSIS");
    page.paragraph(&format!("`upkeep jobs execute {}` [`--dry-run`] [`--parameters` <JSON>] [<OPTIONS>]", job.name()));
    for (heading, text) in [
        ("WHAT GOES", job.removes()),
        ("WHAT STAYS", job.keeps()),
        ("ORDER", job.order()),
        ("BESIDE A RUNNING PLATFORM", job.beside_platform()),
    ] {
        page.heading(heading);
        page.paragraph(text);
    }
    if let Some(nightly) = job.schedule() {
        page.heading("WHEN");
        page.paragraph(&format!(
            "Its timer, and the crontab that {} writes, start it every night at {}. {}",
            reference("upkeep-generate-cron", 1),
            nightly.time(),
            nightly.reason()
        ));
    }
    parameters(&mut page, job);
    care(&mut page, job);
    exit_codes(&mut page, exit_status::ALL);
    examples(&mut page, job);
    let mut others = vec![("upkeep".to_owned(), 1), ("upkeep-jobs-execute".to_owned(), 1)];
    if !job.requires().is_empty() {
        others.extend([("upkeep-jobs-history".to_owned(), 1), ("upkeep-doctor".to_owned(), 1)]);
        others.push(("upkeep.toml".to_owned(), 5));
    }
    let told = [job.removes(), job.keeps(), job.order(), job.beside_platform()].concat();
    let named = JOBS.iter().filter(|other| told.contains(other.name()));
    others.extend(named.map(|&other| (page_name(other), 7)));
    page.see_also(others);
    page
}

/// Each parameter with its properties in the schema.
fn fields(job: &dyn AnyJob) -> Vec<(String, Value, Value)> {
    let schema = job.schema();
    let properties = schema.get("properties").cloned().unwrap_or_default();
    let Value::Object(defaults) = job.default_parameters() else { return Vec::new() };
    let field = |name: &str| properties.get(name).cloned().unwrap_or_default();
    defaults.into_iter().map(|(name, default)| (name.clone(), default, field(&name))).collect()
}

fn parameters(page: &mut Page, job: &dyn AnyJob) {
    page.heading("PARAMETERS");
    let fields = fields(job);
    if fields.is_empty() {
        page.paragraph("None.");
        return;
    }
    page.paragraph("One JSON object, given with `--parameters`. What it leaves out takes its default.");
    for (name, default, field) in fields {
        let about = field.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = format!("Takes {}. Default: `{default}`", type_in_words(Some(&field)));
        page.item(&format!("`{name}`"), &[about, kind]);
    }
}

fn care(page: &mut Page, job: &dyn AnyJob) {
    page.heading("HOW TO BE CAREFUL");
    if job.requires().is_empty() {
        page.paragraph("There is no need to: neither configuration nor database is looked at.");
        return;
    }
    page.paragraph(
        "Begin with `--dry-run`. It goes the same way and lists the ids of what a run would change or delete, with the \
         totals of rows, stored objects and bytes that would go. It can write nothing anywhere: it is given no way to.",
    );
    page.paragraph(&format!(
        "A run may be killed at any instant; the next one finishes its work. SIGTERM, SIGINT and the time limit end it \
         within two seconds, and what is done by then stays done. Two runs of the job never work at the same time. What a \
         run did, when, and with which parameters is recorded; {} shows it. What a guard refuses is told, with what to \
         do about it; the guards are in [safety] of {}.",
        reference("upkeep-jobs-history", 1),
        reference("upkeep.toml", 5),
    ));
}

fn examples(page: &mut Page, job: &dyn AnyJob) {
    let run = format!("upkeep jobs execute {}", job.name());
    page.heading("EXAMPLES");
    if job.requires().is_empty() {
        page.example("See whether jobs can be started, and where their log goes:", &[&run]);
        return;
    }
    page.example("See what would be done, then do it:", &[&format!("{run} --dry-run"), &run]);
    if let Some(parameters) = example_parameters(job) {
        page.example(
            "With a parameter that is not as it is by default:",
            &[&format!("{run} --parameters '{parameters}'")],
        );
    }
    page.example(
        "With parameters from a file, for at most a quarter of an hour, and with a report for a machine:",
        &[
            &format!("upkeep jobs default-parameters {} > job.json", job.name()),
            &format!("{run} --timeout 15m --output json --parameters @job.json"),
        ],
    );
}

/// The first parameter for which the schema has an example, as an object.
fn example_parameters(job: &dyn AnyJob) -> Option<String> {
    let example = |(name, _, field): (String, Value, Value)| {
        let value = field.get("examples")?.as_array()?.first()?.clone();
        Some(Value::Object(Map::from_iter([(name, value)])))
    };
    let object = fields(job).into_iter().find_map(example)?;
    // As people write it, with a blank after the colon.
    Some(object.to_string().replacen("\":", "\": ", 1))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn the_parameters_in_examples_are_valid_and_not_the_defaults() {
        for job in JOBS.iter().filter(|job| !fields(**job).is_empty()) {
            let example = example_parameters(*job).unwrap_or_else(|| panic!("{} has no example", job.name()));
            let given = upkeep_jobs::kit::parse_parameters(&example).unwrap();
            let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
            let complete = job.complete(&given, now).unwrap();
            assert_ne!(complete, job.default_parameters(), "{}", job.name());
        }
    }
}
