//! Reading what a statement answered, and saying what is wrong when it cannot be read.

use std::{fmt::Display, sync::Arc};

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, TryGetable, Value,
    prelude::DateTimeUtc, sqlx,
};
use serde::de::DeserializeOwned;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::StoreError;

pub(crate) fn unavailable(step: &'static str) -> impl FnOnce(DbErr) -> StoreError {
    move |source| StoreError::Unavailable {
        step,
        source: Box::new(source),
    }
}

/// A statement written by hand; prepared once for each connection.
pub(crate) fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// As JSON carries bytes to the server.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16);
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(digit);
    bytes.iter().flat_map(digits).flatten().collect()
}

/// Runs a statement that answers with at most one row.
pub(crate) async fn one(
    connection: &impl ConnectionTrait,
    step: &'static str,
    statement: Statement,
) -> Result<Option<QueryResult>, StoreError> {
    connection
        .query_one_raw(statement)
        .await
        .map_err(unavailable(step))
}

/// Runs a statement that answers with any number of rows.
pub(crate) async fn all(
    connection: &impl ConnectionTrait,
    step: &'static str,
    statement: Statement,
) -> Result<Vec<QueryResult>, StoreError> {
    connection
        .query_all_raw(statement)
        .await
        .map_err(unavailable(step))
}

/// Runs a statement and tells how many rows it changed.
pub(crate) async fn execute(
    connection: &impl ConnectionTrait,
    step: &'static str,
    statement: Statement,
) -> Result<u64, StoreError> {
    let done = connection
        .execute_raw(statement)
        .await
        .map_err(unavailable(step))?;
    Ok(done.rows_affected())
}

/// One error, told to each who asked.
pub(crate) fn all_failed<T>(
    step: &'static str,
    error: sqlx::Error,
    count: usize,
) -> Vec<Result<T, StoreError>> {
    let error = Arc::new(error);
    let told = || StoreError::Unavailable {
        step,
        source: Box::new(Arc::clone(&error)),
    };
    (0..count).map(|_| Err(told())).collect()
}

/// The table whose row is being read, for the error when it cannot be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table(pub(crate) &'static str);

impl Table {
    pub(crate) fn corrupt(self, column: &'static str, what: impl Display) -> StoreError {
        StoreError::Corrupt {
            table: self.0,
            column,
            what: what.to_string(),
        }
    }

    /// Turns a column's value into a domain type.
    pub(crate) fn parse<T, V: TryInto<T, Error: Display>>(
        self,
        column: &'static str,
        value: V,
    ) -> Result<T, StoreError> {
        value
            .try_into()
            .map_err(|error| self.corrupt(column, error))
    }

    pub(crate) fn timestamp(
        self,
        column: &'static str,
        value: Option<DateTimeUtc>,
    ) -> Result<Option<Timestamp>, StoreError> {
        value.map(|at| self.parse(column, at)).transpose()
    }

    pub(crate) fn present<T>(
        self,
        column: &'static str,
        value: Option<T>,
    ) -> Result<T, StoreError> {
        value.ok_or_else(|| self.corrupt(column, "is null"))
    }
}

/// Reads a row in the order of its SELECT list: by position, because looking up names costs more than
/// decoding on the questions asked with every request.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    /// The next column as it is stored.
    pub(crate) fn take<T: TryGetable>(
        &mut self,
        table: Table,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let value = self
            .row
            .try_get_by_index(self.next)
            .map_err(|error| table.corrupt(column, error));
        self.next += 1;
        value
    }

    /// The next column as a domain type.
    pub(crate) fn parse<V, T>(
        &mut self,
        table: Table,
        column: &'static str,
    ) -> Result<T, StoreError>
    where
        V: TryGetable + TryInto<T, Error: Display>,
    {
        let value: V = self.take(table, column)?;
        table.parse(column, value)
    }

    pub(crate) fn timestamp(
        &mut self,
        table: Table,
        column: &'static str,
    ) -> Result<Timestamp, StoreError> {
        self.parse::<DateTimeUtc, _>(table, column)
    }

    pub(crate) fn optional_timestamp(
        &mut self,
        table: Table,
        column: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let at = self.take(table, column)?;
        table.timestamp(column, at)
    }

    /// The next column as what its JSON, selected as text, says; the default where it is null.
    pub(crate) fn json<T: DeserializeOwned + Default>(
        &mut self,
        table: Table,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text: Option<String> = self.take(table, column)?;
        text.map_or_else(
            || Ok(T::default()),
            |text| serde_json::from_str(&text).map_err(|error| table.corrupt(column, error)),
        )
    }
}
