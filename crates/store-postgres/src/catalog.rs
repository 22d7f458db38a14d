//! What can be bought, as the catalog has it.

use sea_orm::{ConnectionTrait, EntityTrait, QueryResult, Value};
use tollgate_billing::{Interval, PriceId, purchase::Offer};
use tollgate_primitives::PlanKey;
use tollgate_use_cases::ports::{OfferRow, PlanBilling, PublicPlan, StoreError};

use crate::{
    columns::{Columns, Table, execute, one, statement, unavailable},
    rows::plan_billing,
};

const BILLING: Table = Table("plan_billing");
const PRICES: Table = Table("plan_prices");

/// The columns of [`billing_from_row`].
macro_rules! billing_columns {
    () => {
        "b.plan, b.display_name, b.description, b.monthly_price_cents, b.annual_price_cents, \
         b.currency, b.sort_order"
    };
}

const PUBLIC_PLANS: &str = concat!(
    "SELECT ",
    billing_columns!(),
    ", (p.limits ->> 'max_users')::bigint, \
     (SELECT json_agg(d.feature ORDER BY d.feature) FROM plan_feature_defaults d \
       WHERE d.plan = b.plan AND d.enabled)::text \
     FROM plan_billing b JOIN plan_limits p ON p.plan = b.plan \
     WHERE b.is_public AND NOT b.is_archived \
     ORDER BY b.sort_order, b.plan COLLATE \"C\""
);

pub(crate) async fn public_plans(
    connection: &impl ConnectionTrait,
) -> Result<Vec<PublicPlan>, StoreError> {
    let rows = connection
        .query_all_raw(statement(PUBLIC_PLANS, []))
        .await
        .map_err(unavailable("list the public plans"))?;
    rows.iter().map(public_plan_from_row).collect()
}

fn public_plan_from_row(row: &QueryResult) -> Result<PublicPlan, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(PublicPlan {
        billing: billing_from_row(columns)?,
        max_seats: columns
            .take::<Option<i64>>(Table("plan_limits"), "limits")?
            .map(|seats| Table("plan_limits").parse("limits", seats))
            .transpose()?,
        features: columns.json(Table("plan_feature_defaults"), "feature")?,
    })
}

fn billing_from_row(columns: &mut Columns<'_>) -> Result<PlanBilling, StoreError> {
    Ok(PlanBilling {
        plan: columns.parse::<String, _>(BILLING, "plan")?,
        display_name: columns.take(BILLING, "display_name")?,
        description: columns.take(BILLING, "description")?,
        monthly_price_cents: columns.take(BILLING, "monthly_price_cents")?,
        annual_price_cents: columns.take(BILLING, "annual_price_cents")?,
        currency: columns
            .take::<Option<String>>(BILLING, "currency")?
            .map(|currency| BILLING.parse("currency", currency))
            .transpose()?,
        sort_order: columns.take(BILLING, "sort_order")?,
    })
}

const PLANS_ON_SALE: &str = concat!(
    "SELECT ",
    billing_columns!(),
    " FROM plan_billing b WHERE b.self_serve AND NOT b.is_archived AND b.plan <> 'free' \
     ORDER BY b.sort_order, b.plan COLLATE \"C\""
);

pub(crate) async fn plans_on_sale(
    connection: &impl ConnectionTrait,
) -> Result<Vec<PlanBilling>, StoreError> {
    let rows = connection
        .query_all_raw(statement(PLANS_ON_SALE, []))
        .await
        .map_err(unavailable("list the plans on sale"))?;
    rows.iter()
        .map(|row| billing_from_row(&mut Columns::new(row)))
        .collect()
}

pub(crate) async fn offer(
    connection: &impl ConnectionTrait,
    plan: &PlanKey,
) -> Result<Option<Offer>, StoreError> {
    let row = plan_billing::Entity::find_by_id(plan.as_str())
        .one(connection)
        .await
        .map_err(unavailable("find the offer"))?;
    Ok(row
        .filter(|row| !row.is_archived)
        .map(plan_billing::from_row))
}

pub(crate) async fn tiers(
    connection: &impl ConnectionTrait,
) -> Result<Vec<(PlanKey, i32)>, StoreError> {
    let rows = plan_billing::Entity::find()
        .all(connection)
        .await
        .map_err(unavailable("read the order of the plans"))?;
    rows.into_iter()
        .map(|row| Ok((BILLING.parse("plan", row.plan)?, row.sort_order)))
        .collect()
}

/// Former prices and archived plans too: they are not sold any more, but those who bought them still
/// have them.
const PRICE: &str = "SELECT plan, billing_interval FROM plan_prices WHERE price_id = $1";

pub(crate) async fn price(
    connection: &impl ConnectionTrait,
    price: &PriceId,
) -> Result<Option<(PlanKey, Interval)>, StoreError> {
    let asked = statement(PRICE, [price.as_str().into()]);
    let row = one(connection, "find the price", asked).await?;
    row.map(|row| price_from_row(&mut Columns::new(&row)))
        .transpose()
        .map(Option::flatten)
}

/// What a price stands for; `None` where an outer join found none.
pub(crate) fn price_from_row(
    columns: &mut Columns<'_>,
) -> Result<Option<(PlanKey, Interval)>, StoreError> {
    let plan: Option<String> = columns.take(PRICES, "plan")?;
    let interval: Option<String> = columns.take(PRICES, "billing_interval")?;
    let (Some(plan), Some(interval)) = (plan, interval) else {
        return Ok(None);
    };
    let interval =
        Interval::parse(&interval).map_err(|error| PRICES.corrupt("billing_interval", error))?;
    Ok(Some((PRICES.parse("plan", plan)?, interval)))
}

/// A plan that was never sold before comes in hidden, under its key. The prices it had before stay
/// known.
const PUT_OFFER: &str = "WITH prices AS (\
       INSERT INTO plan_prices (price_id, plan, billing_interval) \
       SELECT p.price_id, $1, p.billing_interval \
       FROM (VALUES ($3, 'monthly'), ($5, 'annual')) p (price_id, billing_interval) \
       WHERE p.price_id IS NOT NULL \
       ON CONFLICT DO NOTHING) \
     INSERT INTO plan_billing AS b (plan, display_name, stripe_product_id, \
       stripe_monthly_price_id, monthly_price_cents, stripe_annual_price_id, annual_price_cents, \
       currency) \
     VALUES ($1, $1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (plan) DO UPDATE SET stripe_product_id = $2, stripe_monthly_price_id = $3, \
       monthly_price_cents = $4, stripe_annual_price_id = $5, annual_price_cents = $6, currency = $7 \
     WHERE (b.stripe_product_id, b.stripe_monthly_price_id, b.monthly_price_cents, \
       b.stripe_annual_price_id, b.annual_price_cents, b.currency) \
       IS DISTINCT FROM ($2, $3, $4, $5, $6, $7)";

pub(crate) async fn put_offer(
    connection: &impl ConnectionTrait,
    offer: &OfferRow,
) -> Result<(), StoreError> {
    let annual = offer.annual.as_ref();
    let values: [Value; 7] = [
        offer.plan.as_str().into(),
        offer.product.as_str().into(),
        offer.monthly.0.as_str().into(),
        offer.monthly.1.into(),
        annual.map(|(price, _)| price.as_str()).into(),
        annual.map(|(_, cents)| *cents).into(),
        offer.currency.as_str().into(),
    ];
    execute(connection, "store the offer", statement(PUT_OFFER, values)).await?;
    Ok(())
}
