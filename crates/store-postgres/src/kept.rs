//! What is kept in memory: the catalog, and for which accounts there is more to know. Each question
//! reads the revision along with its own rows, and what is kept answers for its own revision alone.
//! So it is never older than the question, whoever changed a row and wherever.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
};

use sea_orm::ConnectionTrait;
use serde::Deserialize;
use tokio::sync::Mutex;
use tollgate_entitlements::{FeatureKey, LimitKey, Plan};
use tollgate_primitives::{AccountId, Currency, PlanKey};
use tollgate_use_cases::ports::{Catalog, CatalogPlan, PlanBilling, StoreError};
use uuid::Uuid;

use crate::columns::{Columns, Table, one, statement};

const REVISION: Table = Table("catalog_revision");
const PLANS: Table = Table("plan_limits");

/// Of more than these nobody is told apart.
const MOST_EXCEPTED: i64 = 100_000;

#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) revision: Uuid,
    pub(crate) catalog: Arc<Catalog>,
    /// `None` when there are too many.
    excepted: Option<HashSet<AccountId>>,
}

impl Kept {
    /// Whether `account` may have a grant or an exception of its own.
    pub(crate) fn excepts(&self, account: AccountId) -> bool {
        self.excepted
            .as_ref()
            .is_none_or(|excepted| excepted.contains(&account))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Keeper {
    newest: RwLock<Option<Arc<Kept>>>,
    /// Held by the one who reads, while the others wait for what it finds.
    reading: Mutex<()>,
}

impl Keeper {
    pub(crate) fn newest(&self) -> Option<Arc<Kept>> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        newest.clone()
    }

    /// What is kept of `revision`, which was just read; else what `read` finds now.
    pub(crate) async fn as_of(
        &self,
        revision: Uuid,
        read: impl Future<Output = Result<Kept, StoreError>>,
    ) -> Result<Arc<Kept>, StoreError> {
        let of_revision = || self.newest().filter(|kept| kept.revision == revision);
        if let Some(kept) = of_revision() {
            return Ok(kept);
        }
        let _only_reader = self.reading.lock().await;
        if let Some(kept) = of_revision() {
            return Ok(kept);
        }
        let kept = Arc::new(read.await?);
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        *newest = Some(Arc::clone(&kept));
        Ok(kept)
    }
}

/// The revision in the column that comes next, selected by [`revision_column`].
pub(crate) fn revision(columns: &mut Columns<'_>) -> Result<Uuid, StoreError> {
    columns.take(REVISION, "revision")
}

macro_rules! revision_column {
    () => {
        "(SELECT revision FROM catalog_revision)"
    };
}

pub(crate) use revision_column;

/// One snapshot. `$1` is [`MOST_EXCEPTED`].
const READ: &str = concat!(
    "SELECT ",
    revision_column!(),
    ", (SELECT json_agg(json_build_array(p.plan, p.limits, \
         (SELECT coalesce(json_agg(json_build_array(f.key, d.enabled)), '[]') FROM feature_flags f \
            LEFT JOIN plan_feature_defaults d ON d.plan = p.plan AND d.feature = f.key), \
         (SELECT to_json(b) FROM plan_billing b WHERE b.plan = p.plan))) \
       FROM plan_limits p)::text, \
     (SELECT CASE WHEN count(*) <= $1 THEN coalesce(json_agg(e.account_id), '[]') END FROM (\
        (SELECT DISTINCT account_id FROM account_feature_overrides LIMIT $1 + 1) \
        UNION (SELECT DISTINCT account_id FROM account_limit_overrides LIMIT $1 + 1) \
        UNION (SELECT account_id FROM complimentary_grants WHERE ended_at IS NULL LIMIT $1 + 1)\
       ) e)::text"
);

/// A plan, its limits, its features, and how it is sold.
type Entry = (
    PlanKey,
    BTreeMap<LimitKey, Option<u64>>,
    Vec<(FeatureKey, Option<bool>)>,
    Option<BillingEntry>,
);

#[derive(Debug, Deserialize)]
struct BillingEntry {
    display_name: String,
    description: Option<String>,
    monthly_price_cents: Option<i64>,
    annual_price_cents: Option<i64>,
    currency: Option<Currency>,
    sort_order: i32,
}

pub(crate) async fn read(connection: &impl ConnectionTrait) -> Result<Kept, StoreError> {
    let asked = statement(READ, [MOST_EXCEPTED.into()]);
    let row = one(connection, "read the catalog", asked).await?;
    let row = REVISION.present("revision", row)?;
    let columns = &mut Columns::new(&row);
    let revision = revision(columns)?;
    let entries: Vec<Entry> = columns.json(PLANS, "limits")?;
    let plans = entries.into_iter().map(|(key, limits, features, billing)| {
        let plan = CatalogPlan {
            plan: Plan::new(key.clone(), limits.into_iter().collect(), features),
            billing: billing.map(|billing| sold(key.clone(), billing)),
        };
        (key, plan)
    });
    Ok(Kept {
        revision,
        catalog: Arc::new(Catalog(plans.collect())),
        excepted: columns.json(Table("account_feature_overrides"), "account_id")?,
    })
}

fn sold(plan: PlanKey, entry: BillingEntry) -> PlanBilling {
    PlanBilling {
        plan,
        display_name: entry.display_name,
        description: entry.description,
        monthly_price_cents: entry.monthly_price_cents,
        annual_price_cents: entry.annual_price_cents,
        currency: entry.currency,
        sort_order: entry.sort_order,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    fn kept(revision: u128, excepted: Option<HashSet<AccountId>>) -> Kept {
        Kept {
            revision: Uuid::from_u128(revision),
            catalog: Arc::default(),
            excepted,
        }
    }

    #[tokio::test]
    async fn fifty_who_miss_the_same_revision_read_it_once() {
        let keeper = Keeper::default();
        let reads = AtomicUsize::new(0);
        for revision in [1, 2] {
            let read = || async {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(kept(revision, None))
            };
            let asked = Uuid::from_u128(revision);
            let found = join_all((0..50).map(|_| keeper.as_of(asked, read()))).await;
            assert!(
                found
                    .into_iter()
                    .all(|kept| kept.unwrap().revision == asked)
            );
        }
        assert_eq!(reads.into_inner(), 2);
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_an_error_and_the_next_one_reads_again() {
        let keeper = Keeper::default();
        let read = async |revision| Ok(kept(revision, None));
        let fails = async || Err(REVISION.corrupt("revision", "is null"));
        let asked = Uuid::from_u128(2);
        keeper.as_of(Uuid::from_u128(1), read(1)).await.unwrap();
        keeper.as_of(asked, fails()).await.unwrap_err();
        let found = keeper.as_of(asked, read(2)).await.unwrap();
        assert_eq!(found.revision, asked);
    }

    #[test]
    fn who_is_not_told_apart_counts_as_excepted() {
        let account = |n| AccountId::from_uuid(Uuid::from_u128(n));
        let one = kept(1, Some(HashSet::from([account(1)])));
        assert!(one.excepts(account(1)) && !one.excepts(account(2)));
        assert!(kept(1, None).excepts(account(2)));
    }
}
