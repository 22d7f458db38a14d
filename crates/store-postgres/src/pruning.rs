//! Deletes what is over. Each statement finds its rows by an index that exists for another reason: ids
//! are made in the order of time, so that what is over lies at the beginning of the primary key.

use async_trait::async_trait;
use sea_orm::Value;
use tollgate_identity::session::ABSOLUTE_LIFE;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{Prunable, Pruning, StoreError};
use uuid::Uuid;

use crate::{
    PostgresStore,
    columns::{execute, statement},
};

/// `$1` how many, `$2` over by when, `$3` the first id of that moment. Rows that somebody holds are left
/// for another day. As an array, so that the deleting goes by the key whatever the server expects.
macro_rules! prune {
    ($table:literal, $over:literal, $oldest_first:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE id = ANY(ARRAY(SELECT id FROM ",
            $table,
            " WHERE ",
            $over,
            " ORDER BY ",
            $oldest_first,
            " LIMIT $1 FOR UPDATE SKIP LOCKED))"
        )
    };
}

/// The ids are the provider's.
const EVENTS: &str = prune!(
    "webhook_events",
    "status IN ('applied', 'ignored') AND received_at < $2",
    "received_at"
);

const PURCHASES: &str = prune!("purchase_reservations", "id < $3 AND closed_at < $2", "id");

const CHANGES: &str = prune!("subscription_changes", "id < $3 AND closed_at < $2", "id");

const MAILED_TOKENS: &str = prune!("one_time_tokens", "id < $3 AND expires_at < $2", "id");

/// No session is younger than its tokens. A token stays for as long as one that was made after it, by a
/// node whose clock was behind, names it as its successor.
const REFRESH_TOKENS: &str = prune!(
    "refresh_tokens",
    "id < $3 AND created_at < $2 AND NOT EXISTS (\
       SELECT FROM refresh_tokens o WHERE o.replaced_by = refresh_tokens.id AND o.id > refresh_tokens.id)",
    "id"
);

/// Of many accounts, so they are not in the order of their key.
const INVITATIONS: &str = "DELETE FROM account_invites WHERE ctid = ANY(ARRAY(\
     SELECT ctid FROM account_invites \
     WHERE coalesce(accepted_at, revoked_at, expires_at) < $2 \
     ORDER BY coalesce(accepted_at, revoked_at, expires_at) LIMIT $1 FOR UPDATE SKIP LOCKED))";

#[async_trait]
impl Pruning for PostgresStore {
    async fn prune(
        &self,
        what: Prunable,
        over_by: Timestamp,
        limit: u16,
    ) -> Result<u64, StoreError> {
        let limit = Value::from(i64::from(limit));
        let (sql, by) = match what {
            Prunable::Events => return self.prune_by_moment(EVENTS, over_by, limit).await,
            Prunable::Invitations => {
                return self.prune_by_moment(INVITATIONS, over_by, limit).await;
            }
            Prunable::Purchases => (PURCHASES, over_by),
            Prunable::Changes => (CHANGES, over_by),
            Prunable::MailedTokens => (MAILED_TOKENS, over_by),
            Prunable::RefreshTokens => (REFRESH_TOKENS, over_by.saturating_sub(ABSOLUTE_LIFE)),
        };
        let values = [limit, by.as_datetime().into(), first_id_of(by).into()];
        execute(self.database(), "prune", statement(sql, values)).await
    }
}

impl PostgresStore {
    /// For a statement that asks for no id.
    async fn prune_by_moment(
        &self,
        sql: &'static str,
        over_by: Timestamp,
        limit: Value,
    ) -> Result<u64, StoreError> {
        let prune = statement(sql, [limit, over_by.as_datetime().into()]);
        execute(self.database(), "prune", prune).await
    }
}

/// Before every id that was made then (RFC 9562, section 5.7).
fn first_id_of(moment: Timestamp) -> Uuid {
    let millis = u128::try_from(moment.as_datetime().timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(millis << 80)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Builder;

    use super::*;

    #[test]
    fn an_id_comes_after_the_first_of_its_moment_and_before_that_of_the_next() {
        let moment = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
        let next = moment.saturating_add(Duration::from_millis(1));
        for random in [[0; 10], [255; 10]] {
            let id = Builder::from_unix_timestamp_millis(1_800_000_000_000, &random).into_uuid();
            assert!(first_id_of(moment) < id && id < first_id_of(next));
        }
    }
}
