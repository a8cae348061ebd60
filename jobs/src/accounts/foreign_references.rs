//! Tables that refer to users and that upkeep does not know: plugins' and later versions of the platform.
//!
//! The foreign key alone would do to keep such a user, but the statement that it stops has removed up to some thousand
//! users by then, of whom all would have to be tried again and again to find the one; SQLite does not even tell which
//! table it was; and a dry run would not know.

use std::collections::BTreeMap;

use diesel::sql_types::Text;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use uuid::Uuid;

use super::user_removal::is_known;
use crate::each;
use crate::platform::database::{Connection, Id, Ids, SqlIds};

/// A foreign key to `users` of a table that upkeep does not know.
#[derive(Debug, QueryableByName)]
pub(super) struct ForeignReference {
    /// As SQL.
    #[diesel(sql_type = Text)]
    relation: String,
    /// As SQL.
    #[diesel(sql_type = Text)]
    referring: String,
    /// What it is called.
    #[diesel(sql_type = Text)]
    name: String,
}

/// Also keys that cascade or set NULL: what would go or change along with the user would be in no count and no dry run,
/// and the objects of such rows would be forgotten. Those that cannot be looked up — for want of privileges, or because
/// they refer to more than the identifier — are left to the database to enforce.
const IN_POSTGRES: &str = "\
    SELECT c.conrelid::pg_catalog.regclass::text AS relation, pg_catalog.quote_ident(a.attname) AS referring, \
        c.conname::text AS name \
    FROM pg_catalog.pg_constraint c \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
        JOIN pg_catalog.pg_attribute k ON k.attrelid = c.confrelid AND k.attnum = c.confkey[1] \
    WHERE c.contype = 'f' AND c.confrelid = 'users'::pg_catalog.regclass \
        AND c.conparentid = 0 AND pg_catalog.cardinality(c.conkey) = 1 AND k.attname = 'id' \
        AND pg_catalog.has_table_privilege(c.conrelid, 'SELECT') AND EXISTS \
            (SELECT 1 FROM pg_catalog.pg_class r WHERE r.oid = c.conrelid \
                AND pg_catalog.has_schema_privilege(r.relnamespace, 'USAGE')) \
    ORDER BY 1, 2";
const IN_SQLITE: &str = "\
    SELECT '\"' || replace(s.name, '\"', '\"\"') || '\"' AS relation, \
        '\"' || replace(f.\"from\", '\"', '\"\"') || '\"' AS referring, 'REFERENCES users' AS name \
    FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
    WHERE s.type = 'table' AND lower(f.\"table\") = 'users' AND lower(coalesce(f.\"to\", 'id')) = 'id' \
    ORDER BY 1, 2";

/// All of them, as the database's catalogue has them.
pub(super) fn find(connection: &mut Connection) -> QueryResult<Vec<ForeignReference>> {
    let sql = if connection.is_postgres() { IN_POSTGRES } else { IN_SQLITE };
    let mut found: Vec<ForeignReference> = each!(connection, c => diesel::sql_query(sql).load(c))?;
    found.retain(|reference| !is_known(reference.relation.trim_matches('"'), reference.referring.trim_matches('"')));
    Ok(found)
}

/// Those of `users` that one of `references` refers to, each with the reason to keep it.
pub(super) fn to(
    connection: &mut Connection,
    references: &[ForeignReference],
    users: &Ids,
) -> QueryResult<BTreeMap<Uuid, String>> {
    let mut referred = BTreeMap::new();
    for ForeignReference { relation, referring, name } in references {
        // Names from the catalogue, quoted as the database wants them.
        let among = connection.is_among_ids(1);
        let sql = format!("SELECT DISTINCT {referring} AS id FROM {relation} WHERE {referring} {among}");
        let rows: Vec<Id> = each!(&mut *connection, c => diesel::sql_query(&sql).bind::<SqlIds, _>(users).load(c))?;
        for row in rows {
            referred.entry(row.id.0).or_insert_with(|| {
                format!("table {relation} (constraint {name}), which upkeep does not know, still refers to it")
            });
        }
    }
    Ok(referred)
}
