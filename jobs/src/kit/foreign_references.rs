//! Tables that refer to the platform's rows and that upkeep does not know: plugins' and later versions of the platform.
//!
//! The foreign key alone would do to keep such a row, but the statement that it stops has removed up to some thousand
//! others by then, of which all would have to be tried again and again to find the one; what goes over the network before
//! the statement could not be taken back; SQLite does not even tell which table it was; and a dry run would not know.

use std::collections::BTreeMap;

use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use crate::each;
use crate::platform::database::{Connection, Id, Ids, SqlIds};

/// A foreign key of a table that upkeep does not know.
#[derive(Debug, QueryableByName)]
struct ForeignReference {
    /// As SQL.
    #[diesel(sql_type = Text)]
    relation: String,
    /// As SQL.
    #[diesel(sql_type = Text)]
    referring: String,
    /// What it is called.
    #[diesel(sql_type = Text)]
    name: String,
    /// Whether a row that it refers to cannot be deleted.
    #[diesel(sql_type = Bool)]
    forbids: bool,
}

/// Those that cannot be looked up — for want of privileges, or because they refer to more than the identifier — are left
/// to the database to enforce.
const IN_POSTGRES: &str = "\
    SELECT c.conrelid::pg_catalog.regclass::text AS relation, pg_catalog.quote_ident(a.attname) AS referring, \
        c.conname::text AS name, c.confdeltype IN ('a', 'r') AS forbids \
    FROM pg_catalog.pg_constraint c \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
        JOIN pg_catalog.pg_attribute k ON k.attrelid = c.confrelid AND k.attnum = c.confkey[1] \
    WHERE c.contype = 'f' AND c.confrelid = $1::pg_catalog.regclass \
        AND c.conparentid = 0 AND pg_catalog.cardinality(c.conkey) = 1 AND k.attname = 'id' \
        AND pg_catalog.has_table_privilege(c.conrelid, 'SELECT') AND EXISTS \
            (SELECT 1 FROM pg_catalog.pg_class r WHERE r.oid = c.conrelid \
                AND pg_catalog.has_schema_privilege(r.relnamespace, 'USAGE')) \
    ORDER BY 1, 2";
const IN_SQLITE: &str = "\
    SELECT '\"' || replace(s.name, '\"', '\"\"') || '\"' AS relation, \
        '\"' || replace(f.\"from\", '\"', '\"\"') || '\"' AS referring, 'REFERENCES ' || $1 AS name, \
        f.on_delete IN ('NO ACTION', 'RESTRICT') AS forbids \
    FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
    WHERE s.type = 'table' AND lower(f.\"table\") = $1 AND lower(coalesce(f.\"to\", 'id')) = 'id' \
    ORDER BY 1, 2";

/// The foreign keys to one table of all that upkeep does not know.
#[derive(Debug)]
pub(crate) struct ForeignReferences(Vec<ForeignReference>);

impl ForeignReferences {
    /// As the database's catalogue has them; `is_known` tells of which columns of which tables upkeep takes care.
    pub(crate) fn find(
        connection: &mut Connection,
        table: &str,
        is_known: impl Fn(&str, &str) -> bool,
    ) -> QueryResult<Self> {
        let sql = if connection.is_postgres() { IN_POSTGRES } else { IN_SQLITE };
        let mut found: Vec<ForeignReference> =
            each!(connection, c => diesel::sql_query(sql).bind::<Text, _>(table).load(c))?;
        found.retain(|one| !is_known(one.relation.trim_matches('"'), one.referring.trim_matches('"')));
        Ok(Self(found))
    }

    /// Only those that keep the database from deleting what they refer to.
    pub(crate) fn that_forbid(mut self) -> Self {
        self.0.retain(|one| one.forbids);
        self
    }

    /// Those of `ids` that one of them refers to, each with the reason to keep it.
    pub(crate) fn to(&self, connection: &mut Connection, ids: &Ids) -> QueryResult<BTreeMap<Uuid, String>> {
        let mut referred = BTreeMap::new();
        for ForeignReference { relation, referring, name, .. } in &self.0 {
            // Names from the catalogue, quoted as the database wants them.
            let among = connection.is_among_ids(1);
            let sql = format!("SELECT DISTINCT {referring} AS id FROM {relation} WHERE {referring} {among}");
            let rows: Vec<Id> = each!(&mut *connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(ids).load(c))?;
            for row in rows {
                referred.entry(row.id.0).or_insert_with(|| {
                    format!("table {relation} (constraint {name}), which upkeep does not know, still refers to it")
                });
            }
        }
        Ok(referred)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
