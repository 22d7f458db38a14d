//! What the database holds, counted.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use super::World;

/// Rows of each table, ours and the queue's.
pub(crate) type Rows = BTreeMap<String, i64>;

impl World {
    /// Two of them are equal when nothing was written in between.
    pub(crate) async fn rows(&self) -> Rows {
        rows(self.database.pool()).await
    }

    /// What waits in the queue or runs, by the queue's own ids.
    pub(crate) async fn jobs(&self) -> BTreeSet<i64> {
        let jobs: Vec<i64> = sqlx::query_scalar("SELECT id FROM graphile_worker._private_jobs")
            .fetch_all(self.database.pool())
            .await
            .unwrap();
        jobs.into_iter().collect()
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }

    /// Everything the database holds, as text.
    pub(crate) async fn dump(&self) -> String {
        let tables = self.rows().await;
        let mut dump = String::new();
        for table in tables.keys() {
            let rows = format!("SELECT coalesce(string_agg(t::text, E'\n'), '') FROM {table} t");
            let rows: String = sqlx::query_scalar(AssertSqlSafe(rows))
                .fetch_one(self.database.pool())
                .await
                .unwrap();
            dump.push_str(&rows);
        }
        dump
    }

    /// Every row that has one of `marks` in it, but for what counts how often somebody came.
    pub(crate) async fn rows_with(&self, marks: &[&str]) -> BTreeSet<String> {
        let tables = self.rows().await;
        let tables = tables
            .keys()
            .filter(|table| !table.ends_with("rate_limits"));
        let rows: Vec<_> = tables
            .map(|table| format!("SELECT '{table} ' || t::text FROM {table} t WHERE t::text ~ $1"))
            .collect();
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows.join(" UNION ALL ")))
            .bind(marks.join("|"))
            .fetch_all(self.database.pool())
            .await
            .unwrap();
        rows.into_iter().collect()
    }

    pub(crate) async fn execute(&self, statement: &'static str) {
        sqlx::raw_sql(statement)
            .execute(self.database.pool())
            .await
            .unwrap();
    }
}

pub(crate) async fn rows(pool: &sqlx::PgPool) -> Rows {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
         WHERE schemaname = 'public' OR tablename = '_private_jobs'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let counts: Vec<_> = tables
        .iter()
        .map(|table| format!("SELECT '{table}', count(*) FROM {table}"))
        .collect();
    let counts: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(counts.join(" UNION ALL ")))
        .fetch_all(pool)
        .await
        .unwrap();
    counts.into_iter().collect()
}
