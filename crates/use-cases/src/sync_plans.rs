//! The catalog learns the provider's products and prices.

use std::collections::BTreeMap;

use thiserror::Error;
use tollgate_billing::Interval;
use tollgate_primitives::PlanKey;

use crate::{
    App,
    ports::{CatalogPrice, CatalogProduct, OfferRow, PaymentsError, PlanBilling, StoreError},
};

/// What a run found. Nothing is written when `missing` is not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    pub offers: Vec<OfferRow>,
    /// Several candidates where one was expected: the first by id was taken.
    pub warnings: Vec<String>,
    /// Each plan on sale without its product or monthly price, as a sentence.
    pub missing: Vec<String>,
}

#[derive(Debug, Error)]
pub enum SyncPlansError {
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads active products and prices and writes what they cost into the catalog. Idempotent.
pub async fn sync_plans(app: &App, dry_run: bool) -> Result<SyncReport, SyncPlansError> {
    let products = app.payments.read_catalog().await?;
    let plans = app.store.plans_on_sale().await?;
    let report = match_products(&plans, &products);
    if report.missing.is_empty() && !dry_run {
        app.store.put_offers(&report.offers).await?;
    }
    Ok(report)
}

fn match_products(plans: &[PlanBilling], products: &[CatalogProduct]) -> SyncReport {
    let mut report = SyncReport::default();
    for plan in plans {
        let found = match_product(plan, products, &mut report.warnings)
            .and_then(|product| match_prices(&plan.plan, product, &mut report.warnings));
        match found {
            Ok(offer) => report.offers.push(offer),
            Err(sentence) => report.missing.push(sentence),
        }
    }
    report
}

/// By the product's metadata `tollgate_plan`, or else by its exact name.
fn match_product<'a>(
    plan: &PlanBilling,
    products: &'a [CatalogProduct],
    warnings: &mut Vec<String>,
) -> Result<&'a CatalogProduct, String> {
    let by_id = |found: Vec<&'a CatalogProduct>| {
        found
            .into_iter()
            .map(|product| (product.id.as_str(), product))
            .collect::<BTreeMap<_, _>>()
    };
    let tagged = products
        .iter()
        .filter(|product| product.plan.as_deref() == Some(plan.plan.as_str()));
    let mut found = by_id(tagged.collect());
    if found.is_empty() {
        let untagged = products.iter().filter(|product| product.plan.is_none());
        found = by_id(
            untagged
                .filter(|product| product.name == plan.display_name)
                .collect(),
        );
    }
    if found.len() > 1 {
        warnings.push(format!(
            "plan {}: {} products match; the first is taken",
            plan.plan,
            found.len()
        ));
    }
    found.into_values().next().ok_or_else(|| {
        format!(
            "plan {}: no active product with metadata tollgate_plan={0} or the name {1}",
            plan.plan, plan.display_name
        )
    })
}

fn match_prices(
    plan: &PlanKey,
    product: &CatalogProduct,
    warnings: &mut Vec<String>,
) -> Result<OfferRow, String> {
    let monthly = one_price(plan, product, Interval::Monthly, warnings).ok_or_else(|| {
        format!(
            "plan {plan}: product {} has no active monthly price",
            product.id
        )
    })?;
    let annual = one_price(plan, product, Interval::Annual, warnings)
        .filter(|annual| annual.amount.currency == monthly.amount.currency);
    Ok(OfferRow {
        plan: plan.clone(),
        product: product.id.clone(),
        monthly: (monthly.id.clone(), monthly.amount.minor),
        annual: annual.map(|annual| (annual.id.clone(), annual.amount.minor)),
        currency: monthly.amount.currency,
    })
}

fn one_price<'a>(
    plan: &PlanKey,
    product: &'a CatalogProduct,
    interval: Interval,
    warnings: &mut Vec<String>,
) -> Option<&'a CatalogPrice> {
    let mut found: Vec<_> = product
        .prices
        .iter()
        .filter(|price| price.interval == Some(interval))
        .collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    if found.len() > 1 {
        warnings.push(format!(
            "plan {plan}: {} {} prices; the first is taken",
            found.len(),
            interval.as_str()
        ));
    }
    found.into_iter().next()
}

#[cfg(test)]
mod tests {
    use tollgate_billing::PriceId;
    use tollgate_primitives::{Currency, Money};

    use super::*;

    fn plan(key: &str, name: &str) -> PlanBilling {
        PlanBilling {
            plan: PlanKey::parse(key).unwrap(),
            display_name: name.to_owned(),
            description: None,
            monthly_price_cents: None,
            annual_price_cents: None,
            currency: None,
            sort_order: 0,
        }
    }

    fn price(id: &str, interval: Option<Interval>, minor: i64) -> CatalogPrice {
        let amount = Money::new(minor, Currency::parse("usd").unwrap());
        CatalogPrice {
            id: PriceId::new(id),
            interval,
            amount,
        }
    }

    fn product(
        id: &str,
        name: &str,
        tag: Option<&str>,
        prices: Vec<CatalogPrice>,
    ) -> CatalogProduct {
        CatalogProduct {
            id: id.to_owned(),
            name: name.to_owned(),
            plan: tag.map(str::to_owned),
            prices,
        }
    }

    #[test]
    fn metadata_beats_the_name_and_the_name_must_be_exact() {
        let monthly = || vec![price("price_m", Some(Interval::Monthly), 2900)];
        let products = [
            product("prod_1", "Pro", None, monthly()),
            product("prod_2", "Anything", Some("pro"), monthly()),
            product("prod_3", "starter", None, monthly()),
        ];
        let report = match_products(&[plan("pro", "Pro"), plan("starter", "Starter")], &products);
        assert_eq!(report.offers[0].product, "prod_2");
        assert_eq!(report.missing.len(), 1);
        assert!(
            report.missing[0].starts_with("plan starter: no active product"),
            "{report:?}"
        );
    }

    #[test]
    fn a_plan_needs_a_monthly_price_and_may_have_an_annual_one() {
        let prices = vec![
            price("price_b", Some(Interval::Monthly), 3900),
            price("price_a", Some(Interval::Monthly), 2900),
            price("price_y", Some(Interval::Annual), 29000),
            price("price_q", None, 7900),
        ];
        let products = [product("prod_1", "Pro", None, prices)];
        let report = match_products(&[plan("pro", "Pro")], &products);
        assert_eq!(report.offers[0].monthly, (PriceId::new("price_a"), 2900));
        assert_eq!(
            report.offers[0].annual,
            Some((PriceId::new("price_y"), 29000))
        );
        assert_eq!(
            report.warnings,
            ["plan pro: 2 monthly prices; the first is taken"]
        );

        let annual_only = vec![price("price_y", Some(Interval::Annual), 29000)];
        let report = match_products(
            &[plan("pro", "Pro")],
            &[product("p", "Pro", None, annual_only)],
        );
        assert_eq!(
            report.missing,
            ["plan pro: product p has no active monthly price"]
        );
    }
}
