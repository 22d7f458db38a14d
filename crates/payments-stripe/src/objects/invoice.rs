//! An invoice, with its subscription under `parent` (since 2025-03-31.basil) or on itself (before).

use serde::Deserialize;
use tollgate_billing::{Customer, Period, SubscriptionId};
use tollgate_primitives::{Currency, Timestamp};
use tollgate_use_cases::ports::{self, PreviewLine};

use super::{Id, List, Unreadable, optional_timestamp, timestamp};

/// <https://docs.stripe.com/api/invoices/object>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Invoice {
    customer: Option<Id>,
    subscription: Option<Id>,
    parent: Option<Parent>,
    attempt_count: Option<u32>,
    next_payment_attempt: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Debug, Clone, Deserialize)]
struct SubscriptionDetails {
    subscription: Option<Id>,
}

/// An invoice with what was paid on it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PaidInvoice {
    id: Id,
    created: Option<i64>,
    payments: Option<List<InvoicePayment>>,
}

/// <https://docs.stripe.com/api/invoice-payment/object>
#[derive(Debug, Clone, Deserialize)]
struct InvoicePayment {
    status: Option<String>,
    payment: Option<Payment>,
}

#[derive(Debug, Clone, Deserialize)]
struct Payment {
    payment_intent: Option<Id>,
}

impl PaidInvoice {
    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    pub(crate) fn is_made_since(&self, since: Timestamp) -> Result<bool, Unreadable> {
        let created = self.created.ok_or_else(|| Unreadable::missing("created"))?;
        Ok(created >= since.unix_seconds())
    }

    /// The payments that were made, by their payment intents.
    pub(crate) fn paid_by(self) -> Result<Vec<Id>, Unreadable> {
        let payments = self
            .payments
            .ok_or_else(|| Unreadable::missing("payments"))?;
        let paid = payments.data.into_iter().filter(InvoicePayment::is_paid);
        Ok(paid
            .filter_map(|payment| payment.payment?.payment_intent)
            .collect())
    }
}

impl InvoicePayment {
    fn is_paid(&self) -> bool {
        self.status.as_deref() == Some("paid")
    }
}

impl Invoice {
    /// `None` for an invoice of something else than a subscription.
    pub(crate) fn subscription(&self) -> Option<SubscriptionId> {
        self.subscription
            .as_ref()
            .or_else(|| {
                let details = self.parent.as_ref()?.subscription_details.as_ref()?;
                details.subscription.as_ref()
            })
            .map(|id| SubscriptionId::new(id.as_str()))
    }

    pub(crate) fn customer(&self) -> Result<Customer, Unreadable> {
        let customer = self.customer.as_ref();
        customer
            .map(|id| Customer::new(id.as_str()))
            .ok_or_else(|| Unreadable::missing("customer"))
    }

    /// How often the payment was tried, the first time included.
    pub(crate) fn attempt(&self) -> Result<u32, Unreadable> {
        self.attempt_count
            .ok_or_else(|| Unreadable::missing("attempt_count"))
    }

    pub(crate) fn next_attempt(&self) -> Result<Option<Timestamp>, Unreadable> {
        optional_timestamp("next_payment_attempt", self.next_payment_attempt)
    }
}

/// An invoice as its reader sees it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Billed {
    id: Id,
    number: Option<String>,
    status: Option<String>,
    amount_due: i64,
    amount_paid: i64,
    currency: String,
    created: i64,
    hosted_invoice_url: Option<String>,
    invoice_pdf: Option<String>,
}

impl Billed {
    pub(crate) fn describe(self) -> Result<ports::Invoice, Unreadable> {
        Ok(ports::Invoice {
            id: self.id.into_string(),
            number: self.number,
            status: self.status.ok_or_else(|| Unreadable::missing("status"))?,
            amount_due: self.amount_due,
            amount_paid: self.amount_paid,
            currency: currency(&self.currency)?,
            created: timestamp("created", self.created)?,
            hosted_url: self.hosted_invoice_url,
            pdf_url: self.invoice_pdf,
        })
    }
}

/// An invoice that was asked for and not made.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Preview {
    pub(crate) amount_due: i64,
    currency: String,
    lines: List<Line>,
}

/// With its kind under `parent` (since 2025-03-31.basil) or on itself (before).
#[derive(Debug, Clone, Deserialize)]
struct Line {
    amount: i64,
    description: Option<String>,
    period: LinePeriod,
    proration: Option<bool>,
    parent: Option<LineParent>,
}

#[derive(Debug, Clone, Deserialize)]
struct LinePeriod {
    start: i64,
    end: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct LineParent {
    subscription_item_details: Option<LineDetails>,
    invoice_item_details: Option<LineDetails>,
}

#[derive(Debug, Clone, Deserialize)]
struct LineDetails {
    proration: Option<bool>,
}

impl Preview {
    pub(crate) fn currency(&self) -> Result<Currency, Unreadable> {
        currency(&self.currency)
    }

    /// What whole periods cost, without what is left over from changes within one.
    pub(crate) fn whole_periods(&self) -> i64 {
        let whole = self.lines.data.iter().filter(|line| !line.is_proration());
        whole.map(|line| line.amount).fold(0, i64::saturating_add)
    }

    pub(crate) fn into_lines(self) -> Result<Vec<PreviewLine>, Unreadable> {
        if self.lines.has_more {
            return Err(Unreadable::new("the preview has more lines than one page"));
        }
        self.lines.data.into_iter().map(Line::describe).collect()
    }
}

impl Line {
    fn is_proration(&self) -> bool {
        let parent = self.parent.as_ref();
        let details = parent.and_then(|parent| {
            let of_item = parent.subscription_item_details.as_ref();
            of_item.or(parent.invoice_item_details.as_ref())
        });
        details
            .and_then(|details| details.proration)
            .or(self.proration)
            .unwrap_or_default()
    }

    fn describe(self) -> Result<PreviewLine, Unreadable> {
        let start = timestamp("period.start", self.period.start)?;
        let end = timestamp("period.end", self.period.end)?;
        Ok(PreviewLine {
            description: self.description.unwrap_or_default(),
            amount: self.amount,
            period: Period::new(start, end).map_err(|error| Unreadable::new(error.to_string()))?,
        })
    }
}

fn currency(code: &str) -> Result<Currency, Unreadable> {
    Currency::parse(code).map_err(|error| Unreadable::new(error.to_string()))
}
