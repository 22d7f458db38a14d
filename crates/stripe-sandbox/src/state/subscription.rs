//! Subscriptions: made, changed, cancelled and resumed. What time alone does to them is in
//! `lifecycle`.

use serde::{Deserialize, Serialize};

use super::{
    Metadata, State,
    invoice::{Attempt, Line, Reason},
    table::rows,
};
use crate::{
    calendar::{Cadence, Period},
    errors::StripeError,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Incomplete,
    IncompleteExpired,
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
}

impl Status {
    pub(crate) const NAMES: [(&'static str, Self); 8] = [
        ("incomplete", Self::Incomplete),
        ("incomplete_expired", Self::IncompleteExpired),
        ("trialing", Self::Trialing),
        ("active", Self::Active),
        ("past_due", Self::PastDue),
        ("unpaid", Self::Unpaid),
        ("paused", Self::Paused),
        ("canceled", Self::Canceled),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) price: String,
    pub(crate) quantity: i64,
    pub(crate) metadata: Metadata,
}

/// Why a subscription is to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cancellation {
    pub(crate) reason: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) feedback: Option<String>,
}

/// What becomes of invoices while collection is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PauseBehaviour {
    KeepAsDraft,
    MarkUncollectible,
    Void,
}

impl PauseBehaviour {
    pub(crate) const NAMES: [(&'static str, Self); 3] = [
        ("keep_as_draft", Self::KeepAsDraft),
        ("mark_uncollectible", Self::MarkUncollectible),
        ("void", Self::Void),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::KeepAsDraft => "keep_as_draft",
            Self::MarkUncollectible => "mark_uncollectible",
            Self::Void => "void",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) behaviour: PauseBehaviour,
    pub(crate) resumes_at: Option<i64>,
}

/// What a trial without a card ends in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrialEndWithoutCard {
    #[default]
    CreateInvoice,
    Pause,
    Cancel,
}

impl TrialEndWithoutCard {
    pub(crate) const NAMES: [(&'static str, Self); 3] = [
        ("create_invoice", Self::CreateInvoice),
        ("pause", Self::Pause),
        ("cancel", Self::Cancel),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CreateInvoice => "create_invoice",
            Self::Pause => "pause",
            Self::Cancel => "cancel",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) customer: String,
    pub(crate) status: Status,
    pub(crate) currency: String,
    pub(crate) cadence: Cadence,
    pub(crate) anchor: i64,
    pub(crate) period: Period,
    pub(crate) items: Vec<Item>,
    pub(crate) trial: Option<Period>,
    pub(crate) trial_end_without_card: TrialEndWithoutCard,
    pub(crate) cancel_at: Option<i64>,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) cancellation: Cancellation,
    pub(crate) pause: Option<Pause>,
    pub(crate) default_payment_method: Option<String>,
    pub(crate) save_default_payment_method: bool,
    pub(crate) latest_invoice: Option<String>,
    pub(crate) pending_setup_intent: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    /// Prorations that wait for the next invoice.
    pub(crate) pending_lines: Vec<Line>,
    /// The trial end that was announced, and the period end that was.
    pub(crate) announced_trial_end: Option<i64>,
    pub(crate) announced_renewal: Option<i64>,
}

rows!(Subscription);

/// `payment_behavior`: what becomes of a first or changed payment that is not made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PaymentBehaviour {
    /// The subscription becomes incomplete or past due.
    #[default]
    Allow,
    /// Nothing is charged until the payment is confirmed.
    Await,
    /// The call fails and nothing changes.
    Refuse,
}

impl PaymentBehaviour {
    pub(crate) const NAMES: [(&'static str, Self); 3] = [
        ("allow_incomplete", Self::Allow),
        ("default_incomplete", Self::Await),
        ("error_if_incomplete", Self::Refuse),
    ];
}

/// An item that is asked for; `param` is its name in the request.
#[derive(Clone, Debug)]
pub(crate) struct NewItem {
    pub(crate) price: String,
    pub(crate) quantity: i64,
    pub(crate) metadata: Metadata,
    pub(crate) param: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct NewSubscription {
    pub(crate) customer: String,
    pub(crate) items: Vec<NewItem>,
    pub(crate) trial_end: Option<i64>,
    pub(crate) trial_end_without_card: TrialEndWithoutCard,
    pub(crate) default_payment_method: Option<String>,
    pub(crate) save_default_payment_method: bool,
    pub(crate) behaviour: PaymentBehaviour,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) cancel_at: Option<i64>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
}

/// What is billed beside the prorations that wait.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub(crate) reason: Reason,
    pub(crate) lines: Vec<Line>,
    pub(crate) period: Period,
}

impl State {
    /// The subscription a path names.
    pub(crate) fn subscription(&self, id: &str) -> Result<&Subscription, StripeError> {
        self.subscriptions
            .get(id)
            .ok_or_else(|| StripeError::no_such("subscription", id))
    }

    /// Changes a subscription and tells of it.
    pub(crate) fn edit_subscription(&mut self, id: &str, edit: impl FnOnce(&mut Subscription)) {
        self.edit_subscription_as("customer.subscription.updated", id, edit);
    }

    fn edit_subscription_as(&mut self, kind: &str, id: &str, edit: impl FnOnce(&mut Subscription)) {
        let Some(before) = self
            .subscriptions
            .get(id)
            .map(|found| self.subscription_json(found))
        else {
            return;
        };
        self.edit_subscription_quietly(id, edit);
        if let Some(after) = self
            .subscriptions
            .get(id)
            .map(|found| self.subscription_json(found))
        {
            self.emit_change(kind, &before, after);
        }
    }

    pub(crate) fn edit_subscription_quietly(
        &mut self,
        id: &str,
        edit: impl FnOnce(&mut Subscription),
    ) {
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            edit(subscription);
        }
    }

    /// Checks that the items can be subscribed to together; answers cadence and currency.
    pub(crate) fn check_items(&self, items: &[NewItem]) -> Result<(Cadence, String), StripeError> {
        let mut shared: Option<(Cadence, String)> = None;
        for (place, item) in items.iter().enumerate() {
            let (price, cadence) = self.sellable_price(&item.price, &item.param)?;
            if items
                .iter()
                .take(place)
                .any(|earlier| earlier.price == item.price)
            {
                return Err(StripeError::invalid(format!(
                    "Cannot add multiple subscription items with the same plan: {}",
                    item.price
                )));
            }
            match &shared {
                Some((first, currency)) if (first, currency) != (&cadence, &price.currency) => {
                    return Err(StripeError::invalid(
                        "Currency and interval fields must match across all plans/prices on this subscription. Found mismatch in currency or interval.",
                    ));
                }
                Some(_) => {}
                None => shared = Some((cadence, price.currency.clone())),
            }
        }
        shared.ok_or_else(|| StripeError::missing_parameter("items"))
    }

    /// Makes a subscription, its first invoice, and, if nothing stands against it, the first
    /// payment. Answers the id; a failed payment leaves it incomplete unless an error was asked for.
    pub(crate) fn create_subscription(
        &mut self,
        new: NewSubscription,
    ) -> Result<String, StripeError> {
        let (cadence, currency) = self.check_items(&new.items)?;
        let customer = self.customer_in(&new.customer, "customer")?;
        let card = new
            .default_payment_method
            .clone()
            .or_else(|| customer.default_payment_method.clone());
        self.check_owner(new.default_payment_method.as_deref(), &new.customer)?;
        let trial = new
            .trial_end
            .filter(|end| *end > self.now)
            .map(|end| Period {
                start: self.now,
                end,
            });
        let items = self.new_items(&new.items);
        let anchor = trial.map_or(self.now, |trial| trial.end);
        let period = trial.unwrap_or_else(|| cadence.period_at(anchor, self.now));
        let lines = self.period_lines(&items, period, trial.is_some())?;
        let due: i64 = lines.iter().map(|line| line.amount).sum();
        self.check_payment(due, card.as_deref(), new.behaviour)?;
        if let Some(customer) = self.customers.get_mut(&new.customer) {
            customer.currency = Some(currency.clone());
        }
        let pending_setup_intent = (trial.is_some() && card.is_none())
            .then(|| self.new_setup_intent(Some(&new.customer), Metadata::new()));
        let (behaviour, cancel_at) = (new.behaviour, new.cancel_at);
        let cancel_at_period_end = new.cancel_at_period_end;
        let mut subscription = Subscription {
            anchor,
            trial,
            pending_setup_intent,
            status: if trial.is_some() {
                Status::Trialing
            } else {
                Status::Incomplete
            },
            ..self.unbilled(new, items, (cadence, currency), period)
        };
        subscription.cancel_at_moment(cancel_at, self.now);
        subscription.schedule_cancel(cancel_at_period_end, self.now);
        let id = subscription.id.clone();
        self.subscriptions.insert(subscription);
        self.bill_first(&id, lines, behaviour)?;
        Ok(id)
    }

    fn unbilled(
        &mut self,
        new: NewSubscription,
        items: Vec<Item>,
        (cadence, currency): (Cadence, String),
        period: Period,
    ) -> Subscription {
        Subscription {
            id: self.new_id("sub_1", 23),
            created: self.now,
            customer: new.customer,
            status: Status::Incomplete,
            currency,
            cadence,
            anchor: self.now,
            period,
            items,
            trial: None,
            trial_end_without_card: new.trial_end_without_card,
            cancel_at: None,
            cancel_at_period_end: false,
            canceled_at: None,
            ended_at: None,
            cancellation: Cancellation::default(),
            pause: None,
            default_payment_method: new.default_payment_method,
            save_default_payment_method: new.save_default_payment_method,
            latest_invoice: None,
            pending_setup_intent: None,
            description: new.description,
            metadata: new.metadata,
            pending_lines: Vec::new(),
            announced_trial_end: None,
            announced_renewal: None,
        }
    }

    /// Tells of the new subscription, makes its first invoice and, unless that waits for a
    /// confirmation, tries to collect it.
    fn bill_first(
        &mut self,
        id: &str,
        lines: Vec<Line>,
        behaviour: PaymentBehaviour,
    ) -> Result<(), StripeError> {
        let first = Period {
            start: self.now,
            end: self.now,
        };
        let invoice = self.invoice_of(id, Reason::SubscriptionCreate, lines, first)?;
        self.edit_subscription_quietly(id, |subscription| {
            subscription.latest_invoice = Some(invoice.id.clone());
        });
        let snapshot = self.subscription_json(self.subscription(id)?);
        self.emit("customer.subscription.created", snapshot);
        let invoice = self.add_invoice(invoice);
        self.finalize(&invoice)?;
        if behaviour != PaymentBehaviour::Await && self.is_open(&invoice) {
            // A declined card leaves the subscription incomplete, which is the answer.
            let _declined = self.collect(&invoice, None, Attempt::Scheduled);
        }
        Ok(())
    }

    pub(crate) fn is_open(&self, invoice: &str) -> bool {
        self.invoices
            .get(invoice)
            .is_some_and(|invoice| invoice.status == super::invoice::InvoiceStatus::Open)
    }

    pub(crate) fn new_items(&mut self, items: &[NewItem]) -> Vec<Item> {
        items
            .iter()
            .map(|item| Item {
                id: self.new_id("si_", 14),
                created: self.now,
                price: item.price.clone(),
                quantity: item.quantity,
                metadata: item.metadata.clone(),
            })
            .collect()
    }

    /// A card that is named must be the customer's own.
    pub(crate) fn check_owner(
        &self,
        card: Option<&str>,
        customer: &str,
    ) -> Result<(), StripeError> {
        let Some(card) = card else { return Ok(()) };
        let owner = self
            .payment_methods
            .get(card)
            .and_then(|method| method.customer.as_deref());
        if owner == Some(customer) {
            return Ok(());
        }
        Err(StripeError::invalid(format!(
            "The customer does not have a payment method with the ID {card}. The payment method must be attached to the customer."
        ))
        .with_code("resource_missing")
        .with_param("default_payment_method"))
    }

    fn check_payment(
        &self,
        due: i64,
        card: Option<&str>,
        behaviour: PaymentBehaviour,
    ) -> Result<(), StripeError> {
        if due == 0 || behaviour == PaymentBehaviour::Await {
            return Ok(());
        }
        let method = card
            .and_then(|card| self.payment_methods.get(card))
            .ok_or_else(no_card)?;
        match behaviour {
            PaymentBehaviour::Refuse => method.card.behaviour.charge(),
            PaymentBehaviour::Allow | PaymentBehaviour::Await => Ok(()),
        }
    }

    /// Ends a subscription now. Its open invoices stay, and nobody goes on collecting them.
    pub(crate) fn end_subscription(&mut self, id: &str) {
        let now = self.now;
        let open: Vec<String> = self
            .invoices_of(id)
            .map(|invoice| invoice.id.clone())
            .collect();
        for invoice in open {
            self.edit_invoice(&invoice, |invoice| {
                invoice.auto_advance = false;
                invoice.next_payment_attempt = None;
            });
        }
        self.edit_subscription_quietly(id, |subscription| {
            subscription.status = Status::Canceled;
            subscription.canceled_at = Some(subscription.canceled_at.unwrap_or(now));
            subscription.ended_at = Some(now);
            subscription.pending_lines.clear();
            if subscription.cancellation.reason.is_none() {
                subscription.cancellation.reason = Some("cancellation_requested".to_owned());
            }
        });
        if let Some(subscription) = self.subscriptions.get(id) {
            let snapshot = self.subscription_json(subscription);
            self.emit("customer.subscription.deleted", snapshot);
        }
    }

    /// `DELETE /v1/subscriptions/{id}`. One that never ran is over as if its hours were: that is how Stripe
    /// tells of it (the event in <https://github.com/pay-rails/pay/issues/91>, 72 seconds old).
    pub(crate) fn cancel_now(&mut self, id: &str, why: Cancellation) -> Result<(), StripeError> {
        let status = self.subscription(id)?.status;
        if status.is_terminal() {
            return Err(StripeError::no_such("subscription", id));
        }
        if status == Status::Incomplete {
            let now = self.now;
            self.edit_subscription_quietly(id, |subscription| {
                subscription.canceled_at = Some(now);
            });
            self.expire_incomplete(id);
            return Ok(());
        }
        self.edit_subscription_quietly(id, |subscription| {
            subscription.cancel_at = None;
            subscription.cancel_at_period_end = false;
            subscription.cancellation.comment = why.comment;
            subscription.cancellation.feedback = why.feedback;
        });
        self.end_subscription(id);
        Ok(())
    }

    /// `POST /v1/subscriptions/{id}/resume`: a paused one starts a period and is charged for it.
    pub(crate) fn resume(&mut self, id: &str) -> Result<(), StripeError> {
        let now = self.now;
        let subscription = self.subscription(id)?;
        if subscription.status != Status::Paused {
            return Err(StripeError::invalid(
                "Only subscriptions with status `paused` can be resumed; this subscription is not paused.",
            ));
        }
        let period = subscription.cadence.period_at(now, now);
        let lines = self.period_lines(&subscription.items, period, false)?;
        self.edit_subscription_as("customer.subscription.resumed", id, |subscription| {
            subscription.anchor = now;
            subscription.period = period;
            subscription.status = Status::Active;
        });
        let reason = Reason::SubscriptionUpdate;
        self.bill(
            id,
            Bill {
                reason,
                lines,
                period,
            },
            |_| (),
        )
    }

    pub(crate) fn pause_for_missing_card(&mut self, id: &str) {
        self.edit_subscription_as("customer.subscription.paused", id, |subscription| {
            subscription.status = Status::Paused;
        });
    }

    /// Changes the subscription, bills it, and tries to collect the invoice. The change and the new
    /// latest invoice are told as one.
    pub(crate) fn bill(
        &mut self,
        id: &str,
        bill: Bill,
        edit: impl FnOnce(&mut Subscription),
    ) -> Result<(), StripeError> {
        let invoice = self.draft_bill(id, bill, edit)?;
        self.advance_invoice(id, &invoice)
    }

    /// As [`Self::bill`], and leaves the draft alone.
    pub(crate) fn draft_bill(
        &mut self,
        id: &str,
        bill: Bill,
        edit: impl FnOnce(&mut Subscription),
    ) -> Result<String, StripeError> {
        let mut lines = self.subscription(id)?.pending_lines.clone();
        lines.extend(bill.lines);
        let invoice = self.invoice_of(id, bill.reason, lines, bill.period)?;
        let latest = invoice.id.clone();
        self.edit_subscription(id, |subscription| {
            edit(subscription);
            subscription.pending_lines.clear();
            subscription.latest_invoice = Some(latest);
        });
        Ok(self.add_invoice(invoice))
    }

    fn advance_invoice(&mut self, subscription: &str, invoice: &str) -> Result<(), StripeError> {
        let subscription = self.subscription(subscription)?;
        let draft_only = subscription.status == Status::Unpaid;
        let pause = subscription.pause.map(|pause| pause.behaviour);
        if draft_only || pause == Some(PauseBehaviour::KeepAsDraft) {
            self.edit_invoice(invoice, |invoice| invoice.auto_advance = false);
            return Ok(());
        }
        self.finalize(invoice)?;
        if !self.is_open(invoice) {
            return Ok(());
        }
        match pause {
            Some(PauseBehaviour::Void) => self.void_invoice(invoice)?,
            Some(PauseBehaviour::MarkUncollectible) => self.mark_uncollectible(invoice),
            Some(PauseBehaviour::KeepAsDraft) | None => {
                // The failure is told by events and the status; the schedule goes on.
                let _declined = self.collect(invoice, None, Attempt::Scheduled);
            }
        }
        Ok(())
    }
}

impl Subscription {
    /// Sets or takes back the end with the current period.
    pub(crate) fn schedule_cancel(&mut self, at_period_end: bool, now: i64) {
        if at_period_end {
            self.cancel_at = Some(self.period.end);
            self.cancel_at_period_end = true;
            self.canceled_at = Some(now);
            self.cancellation.reason = Some("cancellation_requested".to_owned());
        } else if self.cancel_at_period_end {
            self.keep();
        }
    }

    /// Sets or takes back the end at a moment.
    pub(crate) fn cancel_at_moment(&mut self, moment: Option<i64>, now: i64) {
        self.keep();
        if moment.is_some() {
            self.cancel_at = moment;
            self.canceled_at = Some(now);
            self.cancellation.reason = Some("cancellation_requested".to_owned());
        }
    }

    fn keep(&mut self) {
        self.cancel_at = None;
        self.cancel_at_period_end = false;
        self.canceled_at = None;
        self.cancellation = Cancellation::default();
    }

    /// Whether nothing follows the current period.
    pub(crate) fn ends_with_period(&self) -> bool {
        self.cancel_at_period_end
            || self
                .cancel_at
                .is_some_and(|moment| moment <= self.period.end)
    }
}

fn no_card() -> StripeError {
    StripeError::invalid(
        "This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
    )
    .with_code("resource_missing")
}
