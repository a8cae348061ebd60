//! A platform whose accounts are at a Keycloak double.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::Value;
use upkeep_test_servers::Keycloak;
use uuid::Uuid;

use super::JOB;
use crate::site::{DatabaseKind, Dialect, Run, Sample, Site, StorageKind, text};

/// Whether a user is disabled, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Active,
    /// Since before the job first ran.
    DisabledBefore,
    /// Since the run's point in time.
    DisabledNow,
}

pub(super) struct Platform {
    pub(super) site: Site,
    pub(super) keycloak: Keycloak,
    long_ago: DateTime<Utc>,
}

impl Platform {
    /// Without users; with object storage that does not work.
    pub(super) fn new(database: DatabaseKind) -> Self {
        let site = Site::new(database, StorageKind::Directory);
        site.fill(&Sample::default());
        site.execute("DELETE FROM users");
        let long_ago = (Utc::now() - TimeDelta::days(50)).trunc_subsecs(6);
        let mut platform = Self { site, keycloak: Keycloak::start().unwrap(), long_ago };
        platform.site.set("storage", "kind = \"directory\"\npath = \"/nonexistent\"");
        platform.configure("");
        platform
    }

    /// Writes the section of the identity provider, with further keys.
    pub(super) fn configure(&mut self, more: &str) {
        self.site.set_identity(&self.keycloak, more);
    }

    /// Adds users of the first tenant.
    pub(super) fn users<'a>(&self, users: impl IntoIterator<Item = (&'a str, State)>) {
        self.users_of(0, users);
    }

    /// Adds users of one of several tenants.
    pub(super) fn users_of<'a>(&self, tenant: u128, users: impl IntoIterator<Item = (&'a str, State)>) {
        let dialect = self.site.dialect();
        let (tenant_id, tariff) = (dialect.uuid(Uuid::from_u128(1 + 1_000 * tenant)), dialect.uuid(Uuid::from_u128(2)));
        let then = dialect.instant(self.long_ago);
        let users: Vec<_> = users
            .into_iter()
            .map(|(sub, state)| {
                let (id, sub) = (dialect.uuid(Uuid::new_v4()), text(sub));
                let disabled_since = if state == State::Active { "NULL" } else { &then };
                format!("({id}, {sub}, '', '', '', '', '', {tenant_id}, {tariff}, {disabled_since}, {then}, {then})")
            })
            .collect();
        self.site.execute(&format!(
            "BEGIN; INSERT INTO tenants (id, created_at, updated_at, oidc_tenant_id) \
             VALUES ({tenant_id}, {then}, {then}, 'tenant {tenant}') ON CONFLICT DO NOTHING; \
             INSERT INTO users (id, oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id, \
                 disabled_since, created_at, updated_at) VALUES {}; COMMIT",
            users.join(", ")
        ));
    }

    /// Runs the job to its end, with a report as JSON.
    pub(super) fn sync(&self, more: &[&str]) -> Run {
        self.site.job(JOB, more)
    }

    /// Runs the job to its end, with its log as output.
    pub(super) fn sync_in_words(&self, more: &[&str]) -> Run {
        self.site.upkeep(&[&["jobs", "execute", JOB, "--hide-duration"], more].concat())
    }

    /// An instant of a report as it is stored.
    pub(super) fn instant(&self, reported: &Value) -> String {
        let instant: DateTime<Utc> = serde_json::from_value(reported.clone()).unwrap();
        let sql = format!("SELECT CAST({} AS TEXT)", self.typed(instant));
        self.site.texts(&sql).remove(0)
    }

    fn typed(&self, instant: DateTime<Utc>) -> String {
        let dialect = self.site.dialect();
        format!("{}{}", if dialect == Dialect::Postgres { "timestamptz " } else { "" }, dialect.instant(instant))
    }

    /// The state of every user after the run with this report; users of several tenants must agree.
    pub(super) fn states(&self, report: &Value) -> BTreeMap<String, State> {
        let then = self.instant(&Value::from(self.long_ago.to_rfc3339()));
        let now = self.instant(&report["now"]);
        let mut states = BTreeMap::new();
        for (sub, since) in self.of_each("coalesce(CAST(disabled_since AS TEXT), '')") {
            let state = match since {
                since if since.is_empty() => State::Active,
                since if since == then => State::DisabledBefore,
                since if since == now => State::DisabledNow,
                since => panic!("{sub} is disabled since {since}, neither {then} nor {now}"),
            };
            assert!(states.insert(sub.clone(), state).is_none_or(|other| other == state), "{sub} differs by tenant");
        }
        states
    }

    /// When every user's row was last changed.
    pub(super) fn last_updates(&self) -> BTreeMap<String, String> {
        self.of_each("CAST(updated_at AS TEXT)").into_iter().collect()
    }

    fn of_each(&self, value: &str) -> Vec<(String, String)> {
        let rows = self.site.texts(&format!("SELECT {value} || '|' || oidc_sub FROM users"));
        let pair = |row: &String| row.split_once('|').map(|(value, sub)| (sub.to_owned(), value.to_owned())).unwrap();
        rows.iter().map(pair).collect()
    }

    /// Everything that the job must leave as it is: all other tables, all other columns, all objects.
    pub(super) fn untouched(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut rows = self.site.rows();
        let columns = "id, id_serial, oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id, \
                       tariff_status, created_at, language, dashboard_theme, conference_theme, phone";
        let as_text = |column| match self.site.dialect() {
            Dialect::Postgres => format!("coalesce(CAST({column} AS TEXT), '-')"),
            Dialect::Sqlite => format!("quote({column})"),
        };
        let columns: Vec<_> = columns.split(", ").map(as_text).collect();
        let users = self.site.texts(&format!("SELECT {} FROM users", columns.join(" || ',' || ")));
        rows.insert("users".to_owned(), users.into_iter().collect());
        rows
    }

    /// The addresses of single accounts that were asked for, sorted.
    pub(super) fn confirmations(&self) -> Vec<String> {
        let requests = self.keycloak.requests();
        let targets = requests.iter().filter_map(|request| request.target.strip_prefix("/admin/realms/meet"));
        let mut of_accounts: Vec<_> = targets.filter(|target| !target.contains('?')).map(str::to_owned).collect();
        of_accounts.sort();
        of_accounts
    }
}

/// States by `oidc_sub`.
pub(super) fn by_sub<'a>(states: impl IntoIterator<Item = (&'a str, State)>) -> BTreeMap<String, State> {
    states.into_iter().map(|(sub, state)| (sub.to_owned(), state)).collect()
}
