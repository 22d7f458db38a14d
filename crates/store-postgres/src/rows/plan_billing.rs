use sea_orm::entity::prelude::*;
use tollgate_billing::{PriceId, purchase::Offer};

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "plan_billing")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub plan: String,
    pub display_name: String,
    pub description: Option<String>,
    pub stripe_product_id: Option<String>,
    pub stripe_monthly_price_id: Option<String>,
    pub stripe_annual_price_id: Option<String>,
    pub monthly_price_cents: Option<i64>,
    pub annual_price_cents: Option<i64>,
    pub currency: Option<String>,
    pub is_public: bool,
    pub is_archived: bool,
    pub self_serve: bool,
    pub sort_order: i32,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn from_row(row: Model) -> Offer {
    Offer {
        self_serve: row.self_serve,
        monthly: row.stripe_monthly_price_id.map(PriceId::from),
        annual: row.stripe_annual_price_id.map(PriceId::from),
    }
}
