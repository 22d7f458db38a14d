//! Invoices: drafted, finalised and collected. Stripe leaves a renewal's invoice in draft for an
//! hour; here it is finalised at once, with the events in the same order.

use serde::{Deserialize, Serialize};

use super::{
    AfterRetries, Metadata, State,
    payment::{Intent, IntentStatus},
    subscription::Status,
    table::rows,
};
use crate::{
    calendar::{DAY, Period},
    errors::StripeError,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Void,
    Uncollectible,
}

impl InvoiceStatus {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("draft", Self::Draft),
        ("open", Self::Open),
        ("paid", Self::Paid),
        ("void", Self::Void),
        ("uncollectible", Self::Uncollectible),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Void => "void",
            Self::Uncollectible => "uncollectible",
        }
    }
}

/// Why an invoice was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    SubscriptionCreate,
    SubscriptionCycle,
    SubscriptionUpdate,
    Upcoming,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SubscriptionCreate => "subscription_create",
            Self::SubscriptionCycle => "subscription_cycle",
            Self::SubscriptionUpdate => "subscription_update",
            Self::Upcoming => "upcoming",
        }
    }

    fn payment_description(self) -> &'static str {
        match self {
            Self::SubscriptionCreate => "Subscription creation",
            Self::SubscriptionCycle | Self::SubscriptionUpdate | Self::Upcoming => {
                "Subscription update"
            }
        }
    }
}

/// One line; amounts in cents, a credit is negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) amount: i64,
    pub(crate) description: String,
    pub(crate) price: String,
    pub(crate) product: String,
    pub(crate) unit_amount: i64,
    pub(crate) quantity: i64,
    pub(crate) period: Period,
    pub(crate) proration: bool,
    pub(crate) subscription_item: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) customer: String,
    pub(crate) subscription: Option<String>,
    pub(crate) subscription_metadata: Metadata,
    pub(crate) status: InvoiceStatus,
    pub(crate) reason: Reason,
    pub(crate) currency: String,
    pub(crate) number: Option<String>,
    pub(crate) period: Period,
    pub(crate) lines: Vec<Line>,
    pub(crate) starting_balance: i64,
    pub(crate) ending_balance: Option<i64>,
    pub(crate) amount_paid: i64,
    pub(crate) paid_out_of_band: bool,
    pub(crate) attempt_count: u32,
    pub(crate) attempted: bool,
    /// Whether the sandbox goes on trying to collect it by itself.
    pub(crate) auto_advance: bool,
    pub(crate) next_payment_attempt: Option<i64>,
    pub(crate) intent: Option<String>,
    pub(crate) finalized_at: Option<i64>,
    pub(crate) paid_at: Option<i64>,
    pub(crate) voided_at: Option<i64>,
    pub(crate) marked_uncollectible_at: Option<i64>,
}

rows!(Invoice);

impl Invoice {
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().map(|line| line.amount).sum()
    }

    /// What is to be paid once the customer's balance is counted in.
    pub(crate) fn amount_due(&self) -> i64 {
        (self.total() + self.starting_balance).max(0)
    }

    pub(crate) fn amount_remaining(&self) -> i64 {
        self.amount_due() - self.amount_paid
    }
}

/// Who asks for a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The subscription's own schedule, which plans the next attempt after a failure.
    Scheduled,
    /// A person or an API call.
    Asked,
}

impl State {
    pub(crate) fn invoice(&self, id: &str) -> Result<&Invoice, StripeError> {
        self.invoices
            .get(id)
            .ok_or_else(|| StripeError::no_such("invoice", id))
    }

    pub(crate) fn edit_invoice(&mut self, id: &str, edit: impl FnOnce(&mut Invoice)) {
        if let Some(invoice) = self.invoices.get_mut(id) {
            edit(invoice);
        }
    }

    fn emit_invoice(&mut self, kind: &str, id: &str) {
        if let Some(invoice) = self.invoices.get(id) {
            let snapshot = self.invoice_json(invoice);
            self.emit(kind, snapshot);
        }
    }

    /// A draft for a subscription that is not stored and has no number.
    pub(crate) fn invoice_of(
        &mut self,
        subscription_id: &str,
        reason: Reason,
        lines: Vec<Line>,
        period: Period,
    ) -> Result<Invoice, StripeError> {
        let subscription = self.subscription(subscription_id)?;
        let (customer, currency) = (subscription.customer.clone(), subscription.currency.clone());
        let metadata = subscription.metadata.clone();
        let mut invoice = self.draft(&customer, currency, lines, period);
        invoice.subscription = Some(subscription_id.to_owned());
        invoice.subscription_metadata = metadata;
        invoice.reason = reason;
        Ok(invoice)
    }

    /// A preview of lines that belong to no subscription yet.
    pub(crate) fn draft(
        &mut self,
        customer: &str,
        currency: String,
        mut lines: Vec<Line>,
        period: Period,
    ) -> Invoice {
        for line in &mut lines {
            line.id = self.new_id("il_1", 23);
        }
        Invoice {
            id: self.new_id("in_1", 23),
            created: self.now,
            customer: customer.to_owned(),
            subscription: None,
            subscription_metadata: Metadata::new(),
            status: InvoiceStatus::Draft,
            reason: Reason::Upcoming,
            currency,
            number: None,
            period,
            lines,
            starting_balance: self
                .customers
                .get(customer)
                .map_or(0, |customer| customer.balance),
            ending_balance: None,
            amount_paid: 0,
            paid_out_of_band: false,
            attempt_count: 0,
            attempted: false,
            auto_advance: true,
            next_payment_attempt: None,
            intent: None,
            finalized_at: None,
            paid_at: None,
            voided_at: None,
            marked_uncollectible_at: None,
        }
    }

    /// Stores a draft.
    pub(crate) fn add_invoice(&mut self, invoice: Invoice) -> String {
        let id = invoice.id.clone();
        self.invoices.insert(invoice);
        self.emit_invoice("invoice.created", &id);
        id
    }

    /// Numbers the draft, counts the balance in, and asks for the money by a payment intent. An
    /// invoice of nothing is paid at once.
    pub(crate) fn finalize(&mut self, id: &str) -> Result<(), StripeError> {
        let now = self.now;
        let invoice = self.invoice(id)?;
        let (customer_id, due) = (invoice.customer.clone(), invoice.amount_due());
        let ending = (invoice.total() + invoice.starting_balance).min(0);
        let mut number = None;
        if let Some(customer) = self.customers.get_mut(&customer_id) {
            number = Some(format!(
                "{}-{:04}",
                customer.invoice_prefix, customer.next_invoice_sequence
            ));
            customer.next_invoice_sequence += 1;
            customer.balance = ending;
        }
        self.edit_invoice(id, |invoice| {
            invoice.status = InvoiceStatus::Open;
            invoice.number = number;
            invoice.ending_balance = Some(ending);
            invoice.finalized_at = Some(now);
        });
        if due > 0 {
            self.new_intent(id)?;
        }
        self.emit_invoice("invoice.finalized", id);
        if due == 0 {
            self.settle_invoice(id)?;
        }
        Ok(())
    }

    fn new_intent(&mut self, invoice_id: &str) -> Result<(), StripeError> {
        let invoice = self.invoice(invoice_id)?;
        let (customer, amount, currency) = (
            invoice.customer.clone(),
            invoice.amount_due(),
            invoice.currency.clone(),
        );
        let description = invoice.reason.payment_description().to_owned();
        let payment_method = self.default_card(invoice_id);
        let id = self.new_id("pi_3", 23);
        let intent = Intent {
            client_secret: self.new_id(&format!("{id}_secret_"), 25),
            id: id.clone(),
            created: self.now,
            customer,
            invoice: invoice_id.to_owned(),
            description,
            amount,
            currency,
            status: match payment_method {
                Some(_) => IntentStatus::RequiresConfirmation,
                None => IntentStatus::RequiresPaymentMethod,
            },
            payment_method,
            latest_charge: None,
            last_error: None,
            canceled_at: None,
            cancellation_reason: None,
        };
        let snapshot = intent.to_json();
        self.intents.insert(intent);
        self.edit_invoice(invoice_id, |invoice| invoice.intent = Some(id));
        self.emit("payment_intent.created", snapshot);
        Ok(())
    }

    /// The card an invoice is charged to: the subscription's, else the customer's.
    pub(crate) fn default_card(&self, invoice_id: &str) -> Option<String> {
        let invoice = self.invoices.get(invoice_id)?;
        let own = invoice
            .subscription
            .as_ref()
            .and_then(|id| self.subscriptions.get(id))
            .and_then(|subscription| subscription.default_payment_method.clone());
        own.or_else(|| {
            self.customers
                .get(&invoice.customer)?
                .default_payment_method
                .clone()
        })
    }

    /// Charges an open invoice and tells its subscription the outcome.
    pub(crate) fn collect(
        &mut self,
        id: &str,
        card: Option<String>,
        attempt: Attempt,
    ) -> Result<(), StripeError> {
        let invoice = self.invoice(id)?;
        match invoice.status {
            InvoiceStatus::Open | InvoiceStatus::Uncollectible => {}
            InvoiceStatus::Paid => {
                return Err(StripeError::invalid("Invoice is already paid")
                    .with_code("invoice_already_paid"));
            }
            InvoiceStatus::Draft | InvoiceStatus::Void => {
                return Err(StripeError::invalid(format!(
                    "Invoice is {}; only open invoices can be paid",
                    invoice.status.as_str()
                ))
                .with_code("invoice_not_editable"));
            }
        }
        let intent = invoice.intent.clone();
        self.edit_invoice(id, |invoice| {
            invoice.attempted = true;
            invoice.attempt_count += 1;
        });
        let outcome = match (intent, card.or_else(|| self.default_card(id))) {
            (Some(intent), Some(card)) => self.charge(&intent, &card),
            (Some(_) | None, _) => Err(StripeError::invalid(
                "Cannot charge customer that has no active card or default payment method",
            )
            .with_code("missing")),
        };
        match &outcome {
            Ok(()) => self.settle_invoice(id)?,
            Err(_) => self.payment_failed(id, attempt),
        }
        outcome
    }

    /// Marks the invoice paid and mends its subscription.
    pub(crate) fn settle_invoice(&mut self, id: &str) -> Result<(), StripeError> {
        let now = self.now;
        self.edit_invoice(id, |invoice| {
            invoice.status = InvoiceStatus::Paid;
            invoice.attempted = true;
            invoice.auto_advance = false;
            invoice.amount_paid = invoice.amount_due();
            invoice.paid_at = Some(now);
            invoice.next_payment_attempt = None;
        });
        self.emit_invoice("invoice.paid", id);
        self.emit_invoice("invoice.payment_succeeded", id);
        let invoice = self.invoice(id)?;
        let (customer, subscription) = (invoice.customer.clone(), invoice.subscription.clone());
        if let Some(subscription) = subscription
            && !self.owes(&subscription)
        {
            self.edit_subscription(&subscription, |subscription| match subscription.status {
                Status::Incomplete | Status::PastDue | Status::Unpaid => {
                    subscription.status = Status::Active;
                }
                Status::Active
                | Status::Trialing
                | Status::Paused
                | Status::Canceled
                | Status::IncompleteExpired => {}
            });
        }
        self.edit_customer(&customer, |customer| customer.delinquent = false);
        Ok(())
    }

    fn owes(&self, subscription: &str) -> bool {
        self.invoices_of(subscription)
            .any(|invoice| invoice.status == InvoiceStatus::Open)
    }

    pub(crate) fn invoices_of(&self, subscription: &str) -> impl Iterator<Item = &Invoice> {
        self.invoices
            .newest()
            .filter(move |invoice| invoice.subscription.as_deref() == Some(subscription))
    }

    fn payment_failed(&mut self, id: &str, attempt: Attempt) {
        let Some(invoice) = self.invoices.get(id) else {
            return;
        };
        let (customer, subscription) = (invoice.customer.clone(), invoice.subscription.clone());
        let retried = invoice.reason != Reason::SubscriptionCreate && invoice.auto_advance;
        let mut exhausted = false;
        if attempt == Attempt::Scheduled && retried {
            let place =
                usize::try_from(invoice.attempt_count.saturating_sub(1)).unwrap_or(usize::MAX);
            let next = self
                .settings
                .retry_days
                .get(place)
                .map(|days| self.now + days * DAY);
            exhausted = next.is_none();
            self.edit_invoice(id, |invoice| invoice.next_payment_attempt = next);
        }
        self.emit_invoice("invoice.payment_failed", id);
        self.edit_customer(&customer, |customer| customer.delinquent = true);
        let Some(subscription) = subscription else {
            return;
        };
        self.edit_subscription(&subscription, |subscription| match subscription.status {
            Status::Active | Status::Trialing => subscription.status = Status::PastDue,
            Status::Incomplete
            | Status::IncompleteExpired
            | Status::PastDue
            | Status::Unpaid
            | Status::Paused
            | Status::Canceled => {}
        });
        if exhausted {
            self.give_up(&subscription, id);
        }
    }

    fn give_up(&mut self, subscription: &str, invoice: &str) {
        self.edit_invoice(invoice, |invoice| invoice.auto_advance = false);
        match self.settings.after_retries {
            AfterRetries::Cancel => {
                self.edit_subscription_quietly(subscription, |subscription| {
                    subscription.cancellation.reason = Some("payment_failed".to_owned());
                });
                self.end_subscription(subscription);
            }
            AfterRetries::Unpaid => self.edit_subscription(subscription, |subscription| {
                subscription.status = Status::Unpaid;
            }),
            AfterRetries::PastDue => {}
        }
    }

    pub(crate) fn void_invoice(&mut self, id: &str) -> Result<(), StripeError> {
        let now = self.now;
        let invoice = self.invoice(id)?;
        match invoice.status {
            InvoiceStatus::Open | InvoiceStatus::Uncollectible => {}
            InvoiceStatus::Draft | InvoiceStatus::Paid | InvoiceStatus::Void => {
                return Err(StripeError::invalid(
                    "You can only pass in open invoices. This invoice isn't open.",
                ));
            }
        }
        let intent = invoice.intent.clone();
        self.edit_invoice(id, |invoice| {
            invoice.status = InvoiceStatus::Void;
            invoice.voided_at = Some(now);
            invoice.auto_advance = false;
            invoice.next_payment_attempt = None;
        });
        if let Some(intent) = intent {
            self.cancel_intent(&intent, Some("void_invoice"));
        }
        self.emit_invoice("invoice.voided", id);
        Ok(())
    }

    pub(crate) fn mark_uncollectible(&mut self, id: &str) {
        let now = self.now;
        self.edit_invoice(id, |invoice| {
            invoice.status = InvoiceStatus::Uncollectible;
            invoice.marked_uncollectible_at = Some(now);
            invoice.auto_advance = false;
            invoice.next_payment_attempt = None;
        });
        self.emit_invoice("invoice.marked_uncollectible", id);
    }

    pub(crate) fn cancel_intent(&mut self, id: &str, reason: Option<&str>) {
        let now = self.now;
        let Some(intent) = self.intents.get_mut(id) else {
            return;
        };
        intent.status = IntentStatus::Canceled;
        intent.canceled_at = Some(now);
        intent.cancellation_reason = reason.map(str::to_owned);
        let snapshot = intent.to_json();
        self.emit("payment_intent.canceled", snapshot);
    }
}
