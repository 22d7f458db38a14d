//! What an account was billed.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_use_cases::{App, list_invoices, ports::Invoice};
use utoipa::{IntoParams, ToSchema};

use crate::http::{
    body::Query,
    caller::Admin,
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvoicesQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One page, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvoicesBody {
    items: Vec<InvoiceBody>,
    /// `null` on the last page.
    next_cursor: Option<String>,
}

/// Amounts in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvoiceBody {
    id: String,
    /// `null` while it is a draft.
    number: Option<String>,
    #[schema(example = "paid")]
    status: String,
    amount_due: i64,
    amount_paid: i64,
    #[schema(example = "usd")]
    currency: String,
    created: DateTime<Utc>,
    hosted_invoice_url: Option<String>,
    pdf_url: Option<String>,
}

/// The account's invoices. Empty for an account that never bought.
#[utoipa::path(
    operation_id = "invoices",
    tag = "billing",
    params(InvoicesQuery),
    security(("access_token" = [])),
    responses(
        (status = 200, body = InvoicesBody),
        (status = 400, description = "malformed_query · unknown_field · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required", body = ErrorBody),
        (status = 502, description = "payment_provider_error", body = ErrorBody),
        (status = 503, description = "payment_provider_not_configured · payment_provider_unavailable · unavailable", body = ErrorBody),
    )
)]
#[get("/billing/invoices")]
pub(crate) async fn invoices(
    app: web::Data<App>,
    Admin(caller): Admin,
    Query(query): Query<InvoicesQuery>,
) -> Result<web::Json<InvoicesBody>, ApiError> {
    let page = list_invoices(&app, &caller, query.cursor.as_deref()).await?;
    Ok(web::Json(InvoicesBody {
        items: page.items.into_iter().map(invoice_body).collect(),
        next_cursor: page.next_cursor,
    }))
}

fn invoice_body(invoice: Invoice) -> InvoiceBody {
    InvoiceBody {
        id: invoice.id,
        number: invoice.number,
        status: invoice.status,
        amount_due: invoice.amount_due,
        amount_paid: invoice.amount_paid,
        currency: invoice.currency.to_string(),
        created: invoice.created.as_datetime(),
        hosted_invoice_url: invoice.hosted_url,
        pdf_url: invoice.pdf_url,
    }
}
