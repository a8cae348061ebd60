//! The page of the configuration file, from the table of its keys.

use super::page::{Page, reference};
use crate::config::keys::{self, INHERIT, INHERIT_VARIABLE, Key};

pub(super) fn page() -> Page {
    let mut page = Page::new("upkeep.toml", 5, "the configuration of upkeep");
    page.heading("DESCRIPTION");
    page.paragraph(&format!(
        "The file says which database and storage {} works on, and how careful it is. It is TOML: sections with keys, and \
         nothing else. What is not known is an error wherever it stands, since a setting that silently does nothing could \
         mean the wrong database. `upkeep config check` says what is wrong, `upkeep config show` what is in effect and \
         where it comes from.",
        reference("upkeep", 1),
    ));
    page.paragraph(
        "upkeep reads the file that `--config` names, else the one that `UPKEEP_CONFIG` names, else the first that exists \
         of those below FILES. None is needed: without any it works on an embedded SQLite database and a directory, both \
         in the state directory.",
    );
    page.paragraph("Relative paths start at the directory that the file is in.");
    sources(&mut page);
    for section in keys::sections() {
        section_of_keys(&mut page, section);
    }
    inherit(&mut page);
    files(&mut page);
    page.heading("EXAMPLES");
    page.paragraph("A platform with PostgreSQL and S3:");
    page.verbatim(PLATFORM.lines().map(str::to_owned));
    page.paragraph("Everything as the platform's own controller has it:");
    page.verbatim([format!("{INHERIT} = \"/etc/opentalk/controller.toml\"")]);
    page.see_also(
        [("upkeep", 1), ("upkeep-config-show", 1), ("upkeep-config-check", 1), ("upkeep-doctor", 1)]
            .map(|(name, section)| (name.to_owned(), section)),
    );
    page
}

const PLATFORM: &str = r#"[database]
url = "postgres://upkeep@db.example.org/platform"

[storage]
kind = "s3"
uri = "https://s3.example.org"
bucket = "controller"
access_key = "upkeep"
secret_key_file = "/etc/upkeep/secrets/storage.secret_key""#;

fn sources(page: &mut Page) {
    page.heading("WHERE A VALUE COMES FROM");
    page.paragraph("From the first of these that has it:");
    page.list(
        [
            "The environment variable `UPKEEP_`<SECTION>`__`<KEY>, for example `UPKEEP_DATABASE__URL`.",
            "For a secret, the file that `UPKEEP_`<SECTION>`__`<KEY>`_FILE` names.",
            "For a secret, the systemd credential <SECTION>`.`<KEY>, which `LoadCredential=storage.secret_key:/path` in \
             the unit puts into `CREDENTIALS_DIRECTORY`.",
            "This file: <KEY>, or for a secret <KEY>`_file`, which names a file that holds it. One of both is one too many.",
            "What is inherited, see below.",
            "The default.",
        ]
        .into_iter()
        .enumerate()
        .map(|(number, text)| (format!("{}.", number + 1), text.to_owned())),
    );
    let secrets: Vec<_> = keys::ALL.iter().filter(|key| key.is_secret()).map(|key| format!("`{key}`")).collect();
    page.paragraph(&format!(
        "These keys are secrets: {}. They are never shown: not in logs, not in errors, not by `upkeep config show`. The \
         last line break of a secret's file does not count.",
        secrets.join(", "),
    ));
}

fn section_of_keys(page: &mut Page, section: &str) {
    page.heading(&format!("[{section}]"));
    for key in keys::ALL.iter().filter(|key| key.section == section) {
        let default = key.default.map(|default| format!("; default `{default}`")).unwrap_or_default();
        let kind = format!("Takes {}{default}. Elsewhere: {}.", key.form.expected(), elsewhere(*key));
        page.item(&format!("`{}`", key.name), &[key.about.to_owned(), kind]);
    }
}

/// Where else the value may come from.
fn elsewhere(key: Key) -> String {
    let own = format!("`{}`", key.variable());
    let inherited = key.inherited_from();
    if inherited.is_empty() {
        return own;
    }
    let names: Vec<_> = inherited.iter().map(|name| format!("`{name}`")).collect();
    format!("{own}; inherited from {}", names.join(", else "))
}

fn inherit(page: &mut Page) {
    page.heading("WHAT IS INHERITED");
    page.item(
        &format!("`{INHERIT}`"),
        &[
            "The configuration file of the platform's own controller. What is set nowhere else is taken from it: database, \
             storage, identity provider and shared folders, with the `OPENTALK_CTRL_` variables of the environment, which \
             override that file. It has to stand above the first section."
                .to_owned(),
            format!("Elsewhere: `{INHERIT_VARIABLE}`."),
        ],
    );
    page.paragraph(
        "An S3 store is inherited unless [storage] has another `kind`. Where the controller has a section [keycloak] in \
         place of [oidc] and [user_search], the keys of [identity] follow from that.",
    );
}

fn files(page: &mut Page) {
    page.heading("FILES");
    page.item("`./upkeep.toml`", &["In the working directory.".to_owned()]);
    page.item(
        "`$XDG_CONFIG_HOME/upkeep/upkeep.toml`",
        &["Of the user; normally `~/.config/upkeep/upkeep.toml`.".to_owned()],
    );
    page.item(
        "`/etc/upkeep/upkeep.toml`",
        &["Of the system. It may hold secrets: let upkeep's user read it, and \
        nobody else."
            .to_owned()],
    );
    page.item(
        "`$STATE_DIRECTORY`",
        &["The state directory: systemd's, `/var/lib/upkeep`; else `$XDG_STATE_HOME/upkeep`, normally \
           `~/.local/state/upkeep`."
            .to_owned()],
    );
}
