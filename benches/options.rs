//! What may be asked for on the command line, see the [crate](crate)'s first lines.

/// The words behind a job's name: `--option VALUE`, or `--switch`.
pub(crate) struct Options<'a>(Vec<(&'a str, Option<&'a str>)>);

impl<'a> Options<'a> {
    /// Every word must be one of `known`, or the value of one.
    pub(crate) fn parse(words: &[&'a str], known: &[&str]) -> Self {
        let mut options = Vec::new();
        for word in words {
            match options.last_mut() {
                _ if word.starts_with("--") => {
                    assert!(known.contains(word), "unknown argument {word}; known are {}", known.join(", "));
                    options.push((*word, None));
                }
                Some((_, value @ None)) => *value = Some(*word),
                _ => panic!("{word} belongs to no option; known are {}", known.join(", ")),
            }
        }
        Self(options)
    }

    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.0.iter().any(|(option, _)| *option == name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(option, _)| *option == name)?;
        Some(value.unwrap_or_else(|| panic!("{name} needs a value")))
    }

    /// Numbers with commas between.
    pub(crate) fn numbers(&self, name: &str, default: &[u32]) -> Vec<u32> {
        let number = |text: &str| text.parse().unwrap_or_else(|error| panic!("{name} {text}: {error}"));
        self.text(name).map_or(default.to_vec(), |list| list.split(',').map(number).collect())
    }

    pub(crate) fn number(&self, name: &str, default: u32) -> u32 {
        self.numbers(name, &[default])[0]
    }
}
