//! What the manual says beyond the help of commands. Where that is long, it need say nothing.

/// What there is to say of a command, and how it is used.
pub(super) struct Words {
    /// The command in full.
    pub(super) command: &'static str,
    /// Paragraphs.
    pub(super) description: &'static [&'static str],
    /// What for, and what to type.
    pub(super) examples: &'static [(&'static str, &'static [&'static str])],
}

/// The words on `command`, such as `upkeep jobs list`.
pub(super) fn of(command: &str) -> Option<&'static Words> {
    ALL.iter().find(|words| words.command == command)
}

const ALL: &[Words] = &[
    Words {
        command: "upkeep",
        description: &[
            "upkeep keeps self-hosted collaboration platforms clean. A job is one kind of maintenance work: it takes \
             parameters, each of which has a default, works on the platform's database and its object storage, ends \
             within a time limit, and says by its exit code what became of it.",
            "It is started by hand, by cron or by a systemd timer. Only one run of a job is under way at a time. A run \
             may be killed at any instant; the next one finishes its work.",
            "A count is what happened, never what was planned. What was left undone is named and changes the exit code.",
        ],
        examples: &[
            (
                "Begin on a platform: create upkeep's own tables, and try everything that jobs need:",
                &["upkeep config check", "upkeep database migrate", "upkeep doctor"],
            ),
            (
                "See what a job would delete, then let it:",
                &["upkeep jobs execute event-cleanup --dry-run", "upkeep jobs execute event-cleanup"],
            ),
        ],
    },
    Words {
        command: "upkeep jobs execute",
        description: &[
            "Runs one job, from its parameters to its exit code. The log goes to standard output, a line each with its \
             level in front. What went wrong is said on standard error, too, with its causes and what to do about it. \
             With `--output json` standard output is one JSON document, the report, and the log goes to standard error.",
            "Every job but those that work on no database takes a lease in upkeep's own tables, and is recorded there. A \
             lease that is no longer renewed lapses by itself: after a crash nobody has to unlock anything.",
            "SIGTERM, SIGINT and the time limit end a run within two seconds. What is done by then stays done, and running \
             the job again is always safe.",
        ],
        examples: &[
            (
                "Look first, then do it:",
                &["upkeep jobs execute event-cleanup --dry-run", "upkeep jobs execute event-cleanup"],
            ),
            (
                "With parameters, from a file or from standard input:",
                &[
                    "upkeep jobs execute event-cleanup --parameters @event-cleanup.json",
                    "upkeep jobs execute event-cleanup --parameters - < event-cleanup.json",
                ],
            ),
            (
                "For cron: nothing is said unless something is wrong, and a run that is still under way is no mistake:",
                &["upkeep -q jobs execute room-cleanup --if-running skip --timeout 30m"],
            ),
        ],
    },
    Words {
        command: "upkeep jobs default-parameters",
        description: &[
            "Prints all parameters of a job, as they are by default, as a JSON object. Given back with `--parameters` it \
             changes nothing, which makes it a good file to begin with. Neither configuration nor database is needed.",
        ],
        examples: &[(
            "Keep the parameters of a job in a file:",
            &[
                "upkeep jobs default-parameters event-cleanup > event-cleanup.json",
                "upkeep jobs execute event-cleanup --parameters @event-cleanup.json",
            ],
        )],
    },
    Words {
        command: "upkeep jobs list",
        description: &["Prints a line for each job. Neither configuration nor database is needed."],
        examples: &[("Look for a job:", &["upkeep jobs list"])],
    },
    Words {
        command: "upkeep jobs describe",
        description: &[
            "Tells what a job removes, what stays, in which order it works, whether it may run beside the platform, and \
             what can be set. Each job's page in section 7 says the same and more. Neither configuration nor database is \
             needed.",
        ],
        examples: &[("Read about a job before its first run:", &["upkeep jobs describe event-cleanup"])],
    },
    Words {
        command: "upkeep jobs history",
        description: &[
            "Shows the runs that are recorded in the platform's database, the latest first: all but dry runs and those of \
             jobs that work on no database. They are the evidence of what was deleted, when, and with which parameters. \
             With a <RUN>, its identifier or enough of its beginning, shows the full report of that run.",
            "A run that was killed, or whose host went down, is called `died`.",
        ],
        examples: &[
            (
                "The last runs of one job, and those that failed:",
                &["upkeep jobs history --job event-cleanup --limit 5", "upkeep jobs history --failed"],
            ),
            ("The reports of the last ten runs, for a machine:", &["upkeep jobs history --limit 10 --output json"]),
        ],
    },
    Words {
        command: "upkeep database migrate",
        description: &[
            "Creates the tables in which upkeep keeps its leases, runs and pending deletions, or brings them up to this \
             version. All of them are called `upkeep_` and something. No other table of a PostgreSQL database is touched; \
             an embedded database gets the platform's tables as well. It may be repeated at any time.",
            "The database's user has to be allowed to create tables. Where somebody else runs this command, the user of \
             the jobs needs SELECT, INSERT, UPDATE and DELETE on these tables.",
        ],
        examples: &[("After installing, and after every upgrade:", &["upkeep database migrate"])],
    },
    Words {
        command: "upkeep database status",
        description: &[
            "Shows which of upkeep's own tables are there, which generation the platform's schema is of, and which jobs can \
             run on it. Nothing is changed.",
        ],
        examples: &[("See whether there is anything to do:", &["upkeep database status"])],
    },
    Words {
        command: "upkeep config show",
        description: &[
            "Prints the effective values as a configuration file, each with where it comes from. Secrets are shown as \
             `***`. Nothing is connected.",
        ],
        examples: &[("See what is in effect, and why:", &["upkeep config show"])],
    },
    Words {
        command: "upkeep config check",
        description: &["Reads the configuration as a job would, and says what is wrong with it. Nothing is connected."],
        examples: &[("Before a change goes live:", &["upkeep --config ./upkeep.toml config check"])],
    },
    Words {
        command: "upkeep doctor",
        description: &[
            "Tries everything that jobs need, for real: the configuration; the database, its generation, privileges and \
             missing indexes; the bucket and its versioning; the identity provider; the shared folders; and what earlier \
             runs left behind. The fix stands beside each finding.",
            "Nothing is changed, but for a trial that every run of a job makes, too: an object is deleted under a key that \
             no object has (in a directory, an empty file is made and removed).",
            "With `--output json` each finding has a level: ok, note, warning or problem. A problem makes jobs fail, a \
             warning makes them slow or less thorough.",
        ],
        examples: &[
            ("After installing, and whenever a job fails:", &["upkeep doctor"]),
            ("For a monitoring system:", &["upkeep doctor --output json"]),
        ],
    },
    Words {
        command: "upkeep demo",
        description: &[
            "Makes a sample platform of some hundred users and some thousand events in a new directory, cleans it up as a \
             dry run and for real, and shows what happened and what to try next. Nothing else is touched.",
        ],
        examples: &[("See upkeep at work without a platform:", &["upkeep demo --dir /tmp/upkeep-demo"])],
    },
    Words {
        command: "upkeep completions",
        description: &["Prints a script that lets a shell complete commands, options and names of jobs."],
        examples: &[
            ("For everybody, in bash:", &["upkeep completions bash > /etc/bash_completion.d/upkeep"]),
            ("For yourself, in fish:", &["upkeep completions fish > ~/.config/fish/completions/upkeep.fish"]),
        ],
    },
    Words {
        command: "upkeep generate man",
        description: &[
            "Writes all pages of this manual into one directory: those of the commands (section 1), of the configuration \
             (section 5) and of the jobs (section 7). Pages that are there already are overwritten.",
        ],
        examples: &[(
            "Read the manual where it is not installed:",
            &["upkeep generate man --dir ./man", "man -l man/upkeep.1"],
        )],
    },
];

/// Variables that are not those of keys of the configuration, and what they do.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    ("`UPKEEP_CONFIG`", "The configuration file, unless `--config` names one."),
    ("`UPKEEP_`<SECTION>`__`<KEY>", "Override the configuration; see `upkeep.toml`(5)."),
    (
        "`STATE_DIRECTORY`, `XDG_STATE_HOME`, `XDG_CONFIG_HOME`, `HOME`",
        "Where the embedded database is and where a configuration file is looked for; see `upkeep.toml`(5).",
    ),
    ("`CREDENTIALS_DIRECTORY`", "Set by systemd for units with credentials; see `upkeep.toml`(5)."),
    ("`RUST_LOG`", "Overrides what is logged, for example `debug`. For finding mistakes in upkeep itself."),
    ("`NO_COLOR`, `TERM`, `CI`", "There are no colours if `NO_COLOR` or `CI` is set, or `TERM` is `dumb`."),
];

/// Files that upkeep reads or writes.
pub(super) const FILES: &[(&str, &str)] = &[
    ("`/etc/upkeep/upkeep.toml`", "The configuration of the system; see `upkeep.toml`(5) for others."),
    (
        "`/etc/upkeep/jobs`",
        "The parameters of each job, as the systemd units and the crontab give them: \
         `@/etc/upkeep/jobs/event-cleanup.json`.",
    ),
    (
        "`/etc/upkeep/secrets`",
        "Secrets that the units and the crontab hand to the jobs, in files named after their keys, such as \
         `storage.secret_key`.",
    ),
    (
        "`/var/lib/upkeep`",
        "The state directory of the systemd units: the embedded database and its objects, if no other is configured.",
    ),
    ("`/usr/share/doc/upkeep/runbook.md`", "What to do about each exit code, in the Debian package."),
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// Splits a command line as a shell does, as far as these go: blanks, and single quotes.
    fn split(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate();
        parts
            .flat_map(|(number, part)| match number % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
                _ => vec![part.to_owned()],
            })
            .collect()
    }

    #[test]
    fn every_example_is_a_command_that_is_understood() {
        let lines = ALL.iter().flat_map(|words| words.examples).flat_map(|(_, lines)| *lines);
        for line in lines.filter(|line| line.starts_with("upkeep")) {
            let command = line.split(['<', '>']).next().unwrap();
            if let Err(error) = Cli::command().try_get_matches_from(split(command)) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn every_command_has_words_and_no_words_are_left_over() {
        fn leaves(command: &clap::Command, found: &mut Vec<(String, bool)>) {
            let below: Vec<_> = command.get_subcommands().filter(|below| below.get_name() != "help").collect();
            if below.is_empty() {
                found.push((command.get_bin_name().unwrap().to_owned(), command.get_long_about().is_some()));
            }
            below.into_iter().for_each(|below| leaves(below, found));
        }
        let mut root = Cli::command();
        root.build();
        let mut commands = vec![("upkeep".to_owned(), false)];
        leaves(&root, &mut commands);
        for (command, is_described) in &commands {
            assert!(*is_described || of(command).is_some(), "say in {} what there is to say of `{command}`", file!());
        }
        for words in ALL {
            assert!(
                commands.iter().any(|(command, _)| command == words.command),
                "there is no command {}",
                words.command
            );
        }
    }
}
