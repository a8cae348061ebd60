//! What may be asked for on the command line.

/// See the [crate](crate)'s first lines.
pub(crate) struct Options {
    /// The sizes to measure, in events.
    pub(crate) events: Vec<u32>,
    /// How often each program runs; the table shows medians.
    pub(crate) repeat: usize,
    /// Whether the columns that refer to rooms and events get the indexes which the platform lacks.
    pub(crate) indexes: bool,
    /// Whether to run upkeep on 1,000,000 events without assets as well.
    pub(crate) million: bool,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Self {
        let mut options = Self { events: vec![5_000, 20_000], repeat: 3, indexes: false, million: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || *words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match *word {
                "--events" => options.events = value().split(',').map(number).collect(),
                "--repeat" => options.repeat = number(value()) as usize,
                "--indexes" => options.indexes = true,
                "--million" => options.million = true,
                other => panic!("unknown argument {other}; known are --events, --repeat, --indexes, --million"),
            }
        }
        options
    }
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}
