//! Counting, so that all nodes count together: one guarded statement, outside every other transaction,
//! so that what fails is counted too. By the database's clock, because nodes may differ.

use std::collections::BTreeSet;

use sea_orm::ConnectionTrait;
use serde_json::json;
use tollgate_identity::limit::Limit;
use tollgate_use_cases::ports::StoreError;

use crate::columns::{Columns, Table, all, execute, hex, statement};

/// `$2` the seconds for one more, `$3` how many at once. Each turn sweeps out a few buckets that are as
/// good as new, so that the table holds no more than what is being counted.
const TAKE: &str = "WITH swept AS (\
       DELETE FROM rate_limits WHERE bucket IN (\
         SELECT bucket FROM rate_limits WHERE full_at < now() AND bucket <> $1 \
         ORDER BY full_at LIMIT 4 FOR UPDATE SKIP LOCKED)) \
     INSERT INTO rate_limits AS r (bucket, full_at) VALUES ($1, now() + make_interval(secs => $2)) \
     ON CONFLICT (bucket) DO UPDATE \
       SET full_at = greatest(r.full_at, now()) + make_interval(secs => $2) \
       WHERE greatest(r.full_at, now()) + make_interval(secs => $2) \
         <= now() + make_interval(secs => $2 * $3)";

pub(crate) async fn take(
    connection: &impl ConnectionTrait,
    bucket: &[u8; 32],
    limit: Limit,
) -> Result<bool, StoreError> {
    let values = [
        bucket.to_vec().into(),
        limit.per.as_secs_f64().into(),
        f64::from(limit.burst).into(),
    ];
    let take = statement(TAKE, values);
    Ok(execute(connection, "count the try", take).await? == 1)
}

/// As one bucket is taken from, but with the rest of a transaction, and in the order of the buckets: two lists at once never wait for each
/// other in a circle.
const TAKE_EACH: &str = "INSERT INTO rate_limits AS r (bucket, full_at) \
     SELECT decode(b, 'hex'), now() + make_interval(secs => $2) \
     FROM jsonb_array_elements_text($1) b ORDER BY 1 \
     ON CONFLICT (bucket) DO UPDATE \
       SET full_at = greatest(r.full_at, now()) + make_interval(secs => $2) \
       WHERE greatest(r.full_at, now()) + make_interval(secs => $2) \
         <= now() + make_interval(secs => $2 * $3) \
     RETURNING bucket";

pub(crate) async fn take_each(
    connection: &impl ConnectionTrait,
    buckets: &[[u8; 32]],
    limit: Limit,
) -> Result<BTreeSet<[u8; 32]>, StoreError> {
    let table = Table("rate_limits");
    let buckets: Vec<_> = buckets.iter().map(|bucket| hex(bucket)).collect();
    let values = [
        json!(buckets).into(),
        limit.per.as_secs_f64().into(),
        f64::from(limit.burst).into(),
    ];
    let rows = all(connection, "count the tries", statement(TAKE_EACH, values)).await?;
    rows.iter()
        .map(|row| {
            let bucket: Vec<u8> = Columns::new(row).take(table, "bucket")?;
            let bucket = bucket.try_into();
            bucket.map_err(|_| table.corrupt("bucket", "is not of 32 bytes"))
        })
        .collect()
}

const FORGET: &str = "DELETE FROM rate_limits WHERE bucket = $1";

pub(crate) async fn forget(
    connection: &impl ConnectionTrait,
    bucket: &[u8; 32],
) -> Result<(), StoreError> {
    let forget = statement(FORGET, [bucket.to_vec().into()]);
    execute(connection, "forget the tries", forget).await?;
    Ok(())
}
