//! Rows of a single column.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;

use super::types::{SqlUuid, Uid};

/// A column called `id`.
#[derive(QueryableByName)]
pub struct Id {
    /// The identifier.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uid,
}

/// A column called `number`, such as a count.
#[derive(QueryableByName)]
pub struct Number {
    /// The number.
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}
