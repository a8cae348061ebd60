//! The pages for people: every command in them works as it stands there.

use upkeep_test_servers::Keycloak;
use upkeep_test_servers::keycloak::User;

use crate::site::{DatabaseKind, Event, Sample, Site, StorageKind};

const PAGES: [&str; 3] = ["README.md", "man/data-protection.md", "man/runbook.md"];

fn page(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The lines of a page's code blocks that call upkeep.
fn commands(page: &str) -> Vec<&str> {
    page.lines()
        .filter(|line| line.starts_with("    "))
        .map(str::trim)
        .filter(|line| line.starts_with("upkeep "))
        .collect()
}

/// In the order of the page.
#[test]
fn every_command_of_the_pages_works() {
    for name in PAGES {
        let mut site = Site::new(DatabaseKind::Postgres, StorageKind::S3);
        let keycloak = Keycloak::start().unwrap();
        keycloak.add([User::new("somebody", true)]);
        site.set_identity(&keycloak, "");
        site.fill(&Sample::of([Event::ended(31).with_assets(1), Event::ended(20)]));
        let page = page(name);
        let commands = commands(&page);
        assert!(commands.len() >= 3, "{name} should have commands, or is read wrongly: {commands:?}");
        for command in commands {
            let run = site.shell(command);
            assert_eq!(run.code, Some(0), "{name}: {command}\n{run:#?}");
        }
    }
}

/// On a platform on which upkeep was never used, with nothing but the one line of configuration, in five commands.
#[test]
fn adopting_it_takes_five_commands() {
    let readme = page("README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("Adopt it")).unwrap();
    let commands = commands(section);
    assert_eq!(commands.len(), 5);
    let site = Site::unmigrated(DatabaseKind::PostgresOld, StorageKind::S3);
    site.fill(&Sample::of([Event::ended(31).with_assets(1), Event::ended(20).with_assets(1)]));
    let own = std::fs::read_to_string(site.configuration()).unwrap();
    // The controller has the same settings under other names.
    let controller = own.replace("[storage]", "[minio]").replace("kind = \"s3\"\n", "");
    std::fs::write(site.path().join("controller.toml"), controller).unwrap();
    std::fs::write(site.configuration(), "inherit = \"controller.toml\"\n").unwrap();
    let before = (site.events(), site.objects());
    for (number, command) in commands.into_iter().enumerate() {
        let run = site.shell(command);
        assert_eq!(run.code, Some(0), "{command}\n{run:#?}");
        let gone = number >= 3;
        assert_eq!((site.events(), site.objects()) != before, gone, "{command}");
    }
    assert_eq!((site.events().len(), site.objects().len(), site.outbox().len()), (1, 1, 0));
}

/// Each exit code has its section, and each job that deletes its line.
#[test]
fn the_pages_leave_nothing_out() {
    let runbook = page("man/runbook.md");
    for code in [1, 2, 3, 4, 69, 75, 78, 124, 130, 143] {
        let headings = runbook.lines().filter(|line| line.starts_with("## Exit code"));
        let with_code =
            headings.filter(|line| line.split(|c: char| !c.is_ascii_digit()).any(|n| n == code.to_string()));
        assert_eq!(with_code.count(), 1, "exit code {code}");
    }
    let (privacy, readme) = (page("man/data-protection.md"), page("README.md"));
    for job in upkeep_jobs::JOBS {
        let name = format!("`{}`", job.name());
        assert!(readme.contains(&name), "{name} is not in the README");
        assert!(job.requires().is_empty() || privacy.contains(&name), "{name} is not in the page for data protection");
    }
}

/// The periods in the page for data-protection officers are the jobs' defaults.
#[test]
fn the_periods_are_the_defaults() {
    let privacy = page("man/data-protection.md");
    for job in upkeep_jobs::JOBS {
        for (parameter, default) in job.default_parameters().as_object().unwrap() {
            if let (Some(line), Some(period)) =
                (privacy.lines().find(|line| line.contains(&format!("| `{parameter}` |"))), default.as_u64())
            {
                assert!(line.contains(&format!(" {period} ")), "{parameter} is {period} by default: {line}");
            }
        }
    }
}
