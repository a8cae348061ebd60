//! `upkeep generate man`: the manual, from the tables of commands, jobs, exit codes and configuration keys.

mod commands;
mod configuration;
mod jobs;
mod page;
mod words;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use upkeep_jobs::JOBS;

use self::page::Page;
use crate::cli::output;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The directory to write to; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let directory = &arguments.dir;
    let pages = pages();
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make the directory {}", directory.display()))?;
    for page in &pages {
        let path = directory.join(page.file_name());
        std::fs::write(&path, page.source()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    output::print(&format!("Wrote {} manual pages to {}\n", pages.len(), directory.display()))
}

/// All pages of the manual.
fn pages() -> Vec<Page> {
    let jobs = JOBS.iter().map(|&job| jobs::page(job));
    commands::pages().into_iter().chain(jobs).chain([configuration::page()]).collect()
}

/// The exit codes in a page.
fn exit_codes(page: &mut Page, codes: &[(u8, &str)]) {
    page.heading("EXIT STATUS");
    page.list(codes.iter().map(|(code, meaning)| (format!("`{code}`"), (*meaning).to_owned())));
}
