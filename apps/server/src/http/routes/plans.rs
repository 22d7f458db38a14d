//! The price list.

use actix_web::{get, web};
use serde::Serialize;
use tollgate_use_cases::{
    App,
    ports::{PlanBilling, PublicPlan},
};
use utoipa::ToSchema;

use crate::http::error::{ApiError, ErrorBody};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicPlanBody {
    #[serde(flatten)]
    billing: PlanBillingBody,
    /// `null` is unlimited.
    max_seats: Option<u64>,
    /// The keys of the features that are on.
    features: Vec<String>,
    /// Always true here: hidden plans are left out.
    is_public: bool,
}

/// How a plan is sold; amounts in minor units, `null` until they are known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanBillingBody {
    #[schema(example = "pro")]
    plan: String,
    display_name: String,
    description: Option<String>,
    #[schema(example = 2900)]
    monthly_price_cents: Option<i64>,
    annual_price_cents: Option<i64>,
    #[schema(example = "usd")]
    currency: Option<String>,
    sort_order: i32,
}

/// Every plan on public sale, in the order in which to show them.
#[utoipa::path(
    operation_id = "publicPlans",
    tag = "plans",
    responses(
        (status = 200, body = Vec<PublicPlanBody>),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/plans/public")]
pub(crate) async fn public_plans(
    app: web::Data<App>,
) -> Result<web::Json<Vec<PublicPlanBody>>, ApiError> {
    let plans = app.store.public_plans().await?;
    Ok(web::Json(plans.into_iter().map(Into::into).collect()))
}

impl From<PublicPlan> for PublicPlanBody {
    fn from(plan: PublicPlan) -> Self {
        Self {
            billing: plan.billing.into(),
            max_seats: plan.max_seats,
            features: plan.features.into_iter().map(Into::into).collect(),
            is_public: true,
        }
    }
}

impl From<PlanBilling> for PlanBillingBody {
    fn from(billing: PlanBilling) -> Self {
        Self {
            plan: billing.plan.into(),
            display_name: billing.display_name,
            description: billing.description,
            monthly_price_cents: billing.monthly_price_cents,
            annual_price_cents: billing.annual_price_cents,
            currency: billing.currency.map(Into::into),
            sort_order: billing.sort_order,
        }
    }
}
