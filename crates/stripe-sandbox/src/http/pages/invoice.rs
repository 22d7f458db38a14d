//! One invoice, as its hosted page shows it.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::{Shared, not_found, page};
use crate::{
    calendar::minute_stamp,
    state::{
        invoice::{Invoice, InvoiceStatus},
        payment::dollars,
    },
};

#[derive(Template)]
#[template(path = "invoice.html")]
struct InvoicePage {
    invoice: InvoiceRow,
    lines: Vec<(String, String)>,
}

pub(super) async fn show(core: Shared, id: web::Path<String>) -> HttpResponse {
    core.read(|inner| {
        let Ok(invoice) = inner.state.invoice(&id) else {
            return not_found();
        };
        let lines = invoice
            .lines
            .iter()
            .map(|line| (line.description.clone(), dollars(line.amount)));
        page(
            &InvoicePage {
                lines: lines.collect(),
                invoice: InvoiceRow::from(invoice),
            },
            200,
        )
    })
}

/// An invoice in a table.
pub(super) struct InvoiceRow {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) created: String,
    pub(super) amount: String,
    pub(super) status: &'static str,
    pub(super) open: bool,
}

impl From<&Invoice> for InvoiceRow {
    fn from(invoice: &Invoice) -> Self {
        Self {
            id: invoice.id.clone(),
            number: invoice.number.clone().unwrap_or_else(|| "draft".to_owned()),
            created: minute_stamp(invoice.created),
            amount: dollars(invoice.amount_due()),
            status: invoice.status.as_str(),
            open: invoice.status == InvoiceStatus::Open,
        }
    }
}
