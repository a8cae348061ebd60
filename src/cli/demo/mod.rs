//! `upkeep demo`: event-cleanup at work on a sample platform of its own, told as a short story in which every number is
//! counted where it is, not taken from a report.

mod census;
mod filling;
mod place;
mod sample;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use upkeep_jobs::meetings::EventCleanup;
use upkeep_jobs::platform::database::Access;
use upkeep_jobs::platform::{Kind, Problem};
use uuid::Uuid;

use self::census::Census;
use self::place::Place;
use self::sample::Sample;
use self::text::{number, seconds};
use super::describe::fold;
use super::{Session, output};
use crate::config::Config;
use crate::run::{self, Document, IfRunning, Request};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory to make for it; nothing may be there yet
    #[arg(long, value_name = "DIR", default_value = "upkeep-demo")]
    dir: PathBuf,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if session.config.is_some() {
        let message = "the demo makes a configuration of its own and takes none";
        return Err(Problem::new(Kind::Usage, message).hint("leave --config out").into());
    }
    let place = Place::claim(&arguments.dir)?;
    tell(&place).with_context(|| {
        let directory = place.directory().display();
        format!("the demo ended early; what there is of it is left in {directory}: remove that to begin anew")
    })
}

fn tell(place: &Place) -> anyhow::Result<ExitCode> {
    let config = place.configure()?;
    let sample = build(place)?;
    let count = || Census::take(&mut place.database(Access::ReadOnly), &place.store());
    let before = count()?;

    output::print("\nevent-cleanup as a dry run\n")?;
    let preview = clean_up(&config, true)?;
    let same = count()? == before;
    let plan = preview.report.plan.clone().unwrap_or_default();
    let mut story = format!(
        "  It would delete {} events: {} rows and {} objects ({}).\n{}",
        number(plan.ids.len() as u64),
        number(plan.rows.values().sum()),
        number(plan.objects),
        seconds(preview.duration_ms),
        check(same, "counted again: it changed nothing"),
    );
    story.push_str(&warnings(&preview.report.warnings));
    output::print(&story)?;

    output::print("\nevent-cleanup for real\n")?;
    let real = clean_up(&config, false)?;
    let after = count()?;
    let gone: BTreeSet<_> = before.events.difference(&after.events).copied().collect();
    let foreseen = gone == plan.ids.into_iter().collect();
    let truthful = is_truthful(&real, &before, &after, &gone);
    let clean = after.has_no_orphans();
    let mut news = real.report.warnings.clone();
    news.retain(|warning| !preview.report.warnings.contains(warning));
    output::print(&format!(
        "  It deleted {} events ({}). Counted before and after:\n{}{}{}{}{}\n{}\n{}",
        number(gone.len() as u64),
        seconds(real.duration_ms),
        text::rows(&before, &after),
        check(foreseen, "what is gone is what the dry run listed"),
        check(truthful, "the report's numbers of events, rows, objects and bytes are those counted"),
        check(clean, "every object left has its row, every row its object"),
        warnings(&news),
        text::situations(&sample, &before, &after),
        text::suggestions(place),
    ))?;
    Ok(match real.exit_code {
        Some(0) if same && foreseen && truthful && clean => ExitCode::SUCCESS,
        Some(0) | None => ExitCode::FAILURE,
        Some(code) => ExitCode::from(code),
    })
}

/// Makes the sample platform.
fn build(place: &Place) -> anyhow::Result<Sample> {
    output::print(&format!("A sample platform in {}\n", place.directory().display()))?;
    let sample = Sample::at(run::present())?;
    let (mut database, store) = (place.database(Access::ReadWrite), place.store());
    filling::fill_database(&mut database, &sample)?;
    filling::fill_store(&store, &sample)?;
    let census = Census::take(&mut database, &store)?;
    output::print(&format!(
        "  upkeep.toml  the configuration: where the other two are\n  \
         upkeep.db    {} users, {} events with their rooms; {} rows\n  \
         objects      {} recordings of these events; {} kilobytes\n",
        number(sample.users.len() as u64),
        number(census.events.len() as u64),
        number(census.all_rows()),
        number(census.objects.len() as u64),
        number(census.bytes() / 1_000),
    ))?;
    Ok(sample)
}

/// Runs event-cleanup exactly as `upkeep jobs execute event-cleanup` does.
fn clean_up(config: &Config, dry_run: bool) -> anyhow::Result<Document> {
    let request = Request {
        job: &EventCleanup,
        dry_run,
        timeout: Duration::from_secs(3_600),
        if_running: IfRunning::Fail,
        allow_affected: None,
        metrics_dir: None,
        show_duration: true,
        has_bar: false,
    };
    let (document, error) = run::run(&request, || Ok(json!({})), || Ok(config.clone()));
    error.map_or(Ok(document), Err)
}

/// Whether what the run says it deleted is what is gone.
fn is_truthful(run: &Document, before: &Census, after: &Census, gone: &BTreeSet<Uuid>) -> bool {
    let report = &run.report;
    let rows_are_right = before.rows.iter().all(|(table, rows)| {
        let left = after.rows.get(table).copied().unwrap_or(0);
        report.rows.get(table.as_str()).copied().unwrap_or(0) == rows.saturating_sub(left)
    });
    rows_are_right
        && report.counts.deleted == gone.len() as u64
        && report.objects_deleted == (before.objects.len() as u64).saturating_sub(after.objects.len() as u64)
        && report.bytes_freed == before.bytes().saturating_sub(after.bytes())
}

/// A line that says whether a claim was found to be true.
fn check(holds: bool, claim: &str) -> String {
    format!("  [{}] {claim}\n", if holds { "ok" } else { "NOT SO" })
}

fn warnings(warnings: &[String]) -> String {
    warnings.iter().map(|warning| fold(&format!("Warning: {warning}"), 2) + "\n").collect()
}
