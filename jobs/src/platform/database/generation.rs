//! Which generation of the platform's schema a database has, and whether it has what a job needs: read from its
//! catalogue, never from a version number.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};

use super::super::problem::{Kind, Problem};
use super::types::{SqlTexts, Texts};
use super::{Connection, Database, DatabaseError};

/// A generation of the platform's schema, as told to people. Jobs do not go by it but by the tables and columns they
/// need, since databases in between exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Dates in `event_dates`, recurrences in `event_recurrences`, no permissions in the database.
    New,
    /// Something of either.
    Between,
    /// An event's dates are columns of `events`.
    Old,
    /// Neither.
    Unknown,
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Generation::New => "new, with dates in event_dates",
            Generation::Between => "between old and new, with dates in event_dates",
            Generation::Old => "old, with dates in events",
            Generation::Unknown => "unknown",
        })
    }
}

/// Which generation `database` has.
///
/// # Errors
/// When the catalogue cannot be read.
pub fn generation(database: &mut Database) -> Result<Generation, DatabaseError> {
    let catalogue =
        Catalogue::of(database, ["events", "event_dates", "event_recurrences", "event_shared_folders", "casbin_rule"])?;
    let has = |table, column| catalogue.missing(table, &[column]).is_empty();
    let is_new = [
        has("event_recurrences", "recurrence_pattern"),
        has("event_dates", "duration_secs"),
        has("event_shared_folders", "provider_data"),
        !catalogue.has("casbin_rule"),
    ];
    Ok(match (has("event_dates", "starts_at"), has("events", "starts_at")) {
        (true, false) if is_new.iter().all(|new| *new) => Generation::New,
        (true, _) => Generation::Between,
        (false, true) => Generation::Old,
        (false, false) => Generation::Unknown,
    })
}

/// A table and columns of it.
pub type Columns = (&'static str, &'static [&'static str]);

/// What a job needs of the platform's schema.
#[derive(Debug, Clone, Copy)]
pub enum Requirement {
    /// This table with these columns, and every privilege on it that a cleanup needs.
    Table(&'static str, &'static [&'static str]),
    /// The same, where the generation has such a table.
    IfThere(&'static str, &'static [&'static str]),
    /// One of these and not more: generations differ in where they keep something.
    OneOf(&'static [Columns]),
    /// Nothing of the platform's, only upkeep's own tables, which are seen to before any job begins.
    OwnTables,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Lacking {
    #[diesel(sql_type = Text)]
    tables: String,
    #[diesel(sql_type = Text)]
    remedy: String,
}

const POSTGRES_COLUMNS: &str = "SELECT c.relname::text AS relation, a.attname::text AS name \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
    WHERE c.relname = ANY($1) AND c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid) \
    AND a.attnum > 0 AND NOT a.attisdropped";
const SQLITE_COLUMNS: &str = "SELECT s.name AS relation, c.name AS name \
    FROM sqlite_schema s, pragma_table_info(s.name) c \
    WHERE s.type = 'table' AND s.name IN (SELECT value FROM json_each($1))";

/// The tables among those given on which privileges are missing, and the statement that grants these, for each set of
/// privileges. Locking rows needs UPDATE, removing them DELETE.
const POSTGRES_LACKING: &str = "SELECT string_agg(name, ', ' ORDER BY name) AS tables, \
    format('GRANT %s ON %s TO %I;', privileges, string_agg(place, ', ' ORDER BY name), current_user) AS remedy \
    FROM (SELECT given.name, CASE WHEN home.nspname = 'public' THEN given.name \
            ELSE format('%I.%I', home.nspname, given.name) END AS place, string_agg(needed.privilege, ', ' ORDER BY needed.rank) AS privileges \
        FROM unnest($1) AS given(name) JOIN pg_catalog.pg_class c ON c.oid = given.name::regclass \
            JOIN pg_catalog.pg_namespace home ON home.oid = c.relnamespace CROSS JOIN \
            unnest(ARRAY['SELECT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS needed(privilege, rank) \
        WHERE NOT has_table_privilege(c.oid, needed.privilege) GROUP BY given.name, home.nspname) AS lacking \
    GROUP BY privileges ORDER BY privileges";

/// What is wrong with a schema, and what to do about it.
struct Wrong {
    what: String,
    hint: &'static str,
}

const ANOTHER_DATABASE: &str =
    "check that [database] url names the platform's own database and that its schema is on the search path";
const HALF_MIGRATED: &str = "a migration of the platform seems to have stopped halfway; let the platform finish it";

/// Which tables and columns a database has, of those asked for.
pub struct Catalogue {
    location: String,
    found: BTreeMap<String, BTreeSet<String>>,
}

impl Catalogue {
    /// Reads what `database` has of `tables`.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    pub fn of(database: &mut Database, tables: impl IntoIterator<Item = &'static str>) -> Result<Self, DatabaseError> {
        let tables: BTreeSet<_> = tables.into_iter().map(str::to_owned).collect();
        let tables = Texts(tables.into_iter().collect());
        let columns: Vec<Column> = database.read(|connection| match connection {
            Connection::Postgres(c) => diesel::sql_query(POSTGRES_COLUMNS).bind::<SqlTexts, _>(&tables).load(c),
            Connection::Sqlite(c) => diesel::sql_query(SQLITE_COLUMNS).bind::<SqlTexts, _>(&tables).load(c),
        })?;
        let mut found = BTreeMap::<_, BTreeSet<_>>::new();
        for column in columns {
            found.entry(column.relation).or_default().insert(column.name);
        }
        Ok(Self { location: database.location(), found })
    }

    /// Whether there is such a table.
    pub fn has(&self, table: &str) -> bool {
        self.found.contains_key(table)
    }

    /// The one of `choices` that is there.
    ///
    /// # Errors
    /// A configuration problem if there is none, or more than one: it would be a guess which of them counts.
    pub fn only(&self, choices: &[Columns]) -> Result<Columns, Problem> {
        self.choose(choices).map_err(|wrong| self.refuse(&[wrong]))
    }

    fn choose(&self, choices: &[Columns]) -> Result<Columns, Wrong> {
        let there: Vec<_> =
            choices.iter().copied().filter(|choice| self.missing(choice.0, choice.1).is_empty()).collect();
        let list = |columns: &[Columns], or| {
            let each: Vec<_> =
                columns.iter().map(|(table, columns)| format!("{table}({})", columns.join(", "))).collect();
            each.join(or)
        };
        match there[..] {
            [one] => Ok(one),
            [] => Err(Wrong { what: format!("lacks {}", list(choices, " or ")), hint: ANOTHER_DATABASE }),
            _ => Err(Wrong { what: format!("has {} at once", list(&there, " and ")), hint: HALF_MIGRATED }),
        }
    }

    /// What is not there of a table and its columns.
    fn missing(&self, table: &str, columns: &[&str]) -> Vec<String> {
        let Some(there) = self.found.get(table) else { return vec![format!("table {table}")] };
        let lacking = columns.iter().filter(|column| !there.contains(**column));
        lacking.map(|column| format!("column {table}.{column}")).collect()
    }

    fn refuse(&self, wrong: &[Wrong]) -> Problem {
        let what: Vec<_> = wrong.iter().map(|wrong| format!("it {}", wrong.what)).collect();
        let what = format!("{} has no schema that upkeep knows; {}", self.location, what.join("; "));
        Problem::new(Kind::Configuration, what).hint(wrong.first().map_or("", |wrong| wrong.hint))
    }
}

/// Makes sure that `database` has all that is required, and lets upkeep change it.
///
/// # Errors
/// A configuration problem that names what is missing.
pub fn check_generation(database: &mut Database, required: &[Requirement]) -> Result<(), DatabaseError> {
    let used = check_schema(database, required)?;
    check_privileges(database, used)
}

/// Makes sure that `database` has all that is required, and returns the tables that will be used.
///
/// # Errors
/// A configuration problem that names what is missing.
pub fn check_schema(
    database: &mut Database,
    required: &[Requirement],
) -> Result<BTreeSet<&'static str>, DatabaseError> {
    let tables = required.iter().flat_map(|one| match one {
        Requirement::Table(table, _) | Requirement::IfThere(table, _) => vec![*table],
        Requirement::OneOf(choices) => choices.iter().map(|(table, _)| *table).collect(),
        Requirement::OwnTables => Vec::new(),
    });
    let catalogue = Catalogue::of(database, tables)?;
    // Several parts of a job may require the same table.
    let (mut missing, mut wrong, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
    for requirement in required {
        match requirement {
            Requirement::IfThere(table, _) if !catalogue.has(table) => {}
            Requirement::Table(table, columns) | Requirement::IfThere(table, columns) => {
                missing.extend(catalogue.missing(table, columns));
                used.insert(*table);
            }
            // Where not even the tables are, it is no use to say what should be in them.
            Requirement::OneOf(choices) if !choices.iter().any(|(table, _)| catalogue.has(table)) => {
                missing.push(format!("table {}", choices[0].0));
            }
            Requirement::OneOf(choices) => wrong.extend(catalogue.choose(choices).err()),
            Requirement::OwnTables => {}
        }
    }
    if !missing.is_empty() {
        let mut seen = BTreeSet::new();
        missing.retain(|one| seen.insert(one.clone()));
        wrong.insert(0, Wrong { what: format!("lacks {}", missing.join(", ")), hint: ANOTHER_DATABASE });
    }
    if !wrong.is_empty() {
        return Err(catalogue.refuse(&wrong).into());
    }
    Ok(used)
}

/// Makes sure that upkeep may clean up in all of `tables`, which exist.
///
/// # Errors
/// A configuration problem that names the tables where it may not, and the statements that would allow it.
pub fn check_privileges(
    database: &mut Database,
    tables: impl IntoIterator<Item = &'static str>,
) -> Result<(), DatabaseError> {
    let tables = Texts(tables.into_iter().map(str::to_owned).collect());
    let lacking: Vec<Lacking> = database.read(|connection| match connection {
        Connection::Postgres(c) => diesel::sql_query(POSTGRES_LACKING).bind::<SqlTexts, _>(&tables).load(c),
        Connection::Sqlite(_) => Ok(Vec::new()),
    })?;
    if lacking.is_empty() {
        return Ok(());
    }
    let of_all = |part: fn(&Lacking) -> &str, between| lacking.iter().map(part).collect::<Vec<_>>().join(between);
    let tables = of_all(|lacking| &lacking.tables, ", ");
    Err(Problem::new(
        Kind::Configuration,
        format!("upkeep's user may not clean up in {}: missing privileges on {tables}", database.location()),
    )
    .hint(of_all(|lacking| &lacking.remedy, " "))
    .into())
}
