//! Changes to a running subscription's items, and what they would cost.

use super::{
    Metadata, State,
    invoice::{Invoice, Line, Reason},
    subscription::{Bill, Item, NewItem, PaymentBehaviour, Status, Subscription},
};
use crate::{
    calendar::{Cadence, Period},
    errors::StripeError,
    form::MetadataChange,
};

/// What becomes of the time already paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ProrationBehaviour {
    /// Prorations wait for the next invoice.
    #[default]
    CreateProrations,
    /// Prorations are billed at once.
    AlwaysInvoice,
    None,
}

impl ProrationBehaviour {
    pub(crate) const NAMES: [(&'static str, Self); 3] = [
        ("create_prorations", Self::CreateProrations),
        ("none", Self::None),
        ("always_invoice", Self::AlwaysInvoice),
    ];
}

/// One entry of `items`: with an id it changes that item, without one it adds another.
#[derive(Clone, Debug)]
pub(crate) struct ItemChange {
    pub(crate) id: Option<String>,
    pub(crate) price: Option<String>,
    pub(crate) quantity: Option<i64>,
    pub(crate) deleted: bool,
    pub(crate) metadata: MetadataChange,
    pub(crate) param: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ItemsChange {
    pub(crate) items: Vec<ItemChange>,
    pub(crate) proration: ProrationBehaviour,
    /// The moment prorations are counted from; now by default.
    pub(crate) proration_date: Option<i64>,
    pub(crate) behaviour: PaymentBehaviour,
}

/// A change, worked out and not yet carried out.
#[derive(Clone, Debug)]
pub(crate) struct PlannedChange {
    items: Vec<Item>,
    cadence: Cadence,
    period: Period,
    pub(crate) prorations: Vec<Line>,
    pub(crate) at: i64,
    /// Billed now: asked for, or the billing interval changed.
    pub(crate) billed_now: bool,
}

impl State {
    /// Works a change out. The billing anchor stays, also when the interval changes, as in
    /// Stripe's flexible billing mode.
    pub(crate) fn plan_change(
        &mut self,
        id: &str,
        change: &ItemsChange,
    ) -> Result<PlannedChange, StripeError> {
        let before = self.subscription(id)?.clone();
        let items = self.changed_items(&before, &change.items)?;
        let wanted: Vec<NewItem> = items
            .iter()
            .map(|item| as_new(item, &change.items))
            .collect();
        let (cadence, _) = self.check_items(&wanted)?;
        let at = change.proration_date.unwrap_or(self.now);
        if !(before.period.start..=before.period.end).contains(&at) {
            return Err(StripeError::invalid(
                "The subscription `proration_date` must be within the subscription's current period.",
            )
            .with_param("proration_date"));
        }
        let trialing = before.status == Status::Trialing;
        let moved = cadence != before.cadence;
        let period = if moved && !trialing {
            cadence.period_at(before.anchor, self.now)
        } else {
            before.period
        };
        let charged = match before.status {
            Status::Active | Status::PastDue => change.proration != ProrationBehaviour::None,
            Status::Trialing
            | Status::Incomplete
            | Status::IncompleteExpired
            | Status::Unpaid
            | Status::Paused
            | Status::Canceled => false,
        };
        let prorations = if charged {
            self.prorations(&before, &items, period, at)?
        } else {
            Vec::new()
        };
        let billed_now =
            charged && (moved || change.proration == ProrationBehaviour::AlwaysInvoice);
        Ok(PlannedChange {
            items,
            cadence,
            period,
            prorations,
            at,
            billed_now,
        })
    }

    /// Carries a change out and, where it is billed now, charges for it.
    pub(crate) fn change_items(
        &mut self,
        id: &str,
        change: &ItemsChange,
    ) -> Result<(), StripeError> {
        let planned = self.plan_change(id, change)?;
        let before = self.subscription(id)?.clone();
        if planned.items == before.items {
            return Ok(());
        }
        let due: i64 = planned.prorations.iter().map(|line| line.amount).sum();
        if planned.billed_now && due > 0 && change.behaviour == PaymentBehaviour::Refuse {
            self.would_pay(&before)?;
        }
        let apply = |subscription: &mut Subscription| {
            subscription.items = planned.items;
            subscription.cadence = planned.cadence;
            subscription.period = planned.period;
            if subscription.cancel_at_period_end {
                subscription.cancel_at = Some(planned.period.end);
            }
        };
        if !planned.billed_now {
            self.edit_subscription(id, |subscription| {
                apply(subscription);
                subscription.pending_lines.extend(planned.prorations);
            });
            return Ok(());
        }
        let bill = Bill {
            reason: Reason::SubscriptionUpdate,
            lines: planned.prorations,
            period: Period {
                start: before.period.start,
                end: self.now,
            },
        };
        match change.behaviour {
            PaymentBehaviour::Allow | PaymentBehaviour::Refuse => {
                self.bill(id, bill, apply)?;
            }
            PaymentBehaviour::Await => {
                let invoice = self.draft_bill(id, bill, apply)?;
                self.finalize(&invoice)?;
                if self.is_open(&invoice) {
                    self.edit_subscription(id, |subscription| {
                        subscription.status = Status::PastDue;
                    });
                }
            }
        }
        Ok(())
    }

    /// The invoice a change would bring, not stored: the prorations alone where they are billed
    /// now, else together with the next period.
    pub(crate) fn preview_change(
        &mut self,
        id: &str,
        change: &ItemsChange,
    ) -> Result<Invoice, StripeError> {
        if change.items.is_empty() {
            return self.upcoming_invoice(id);
        }
        let planned = self.plan_change(id, change)?;
        let before = self.subscription(id)?.clone();
        let mut lines = before.pending_lines;
        lines.extend(planned.prorations);
        let mut next_attempt = self.now;
        if !planned.billed_now {
            next_attempt = planned.period.end;
            let next = planned.cadence.period_at(before.anchor, planned.period.end);
            lines.extend(self.period_lines(&planned.items, next, false)?);
        }
        let period = Period {
            start: before.period.start,
            end: planned.at,
        };
        let mut invoice = self.invoice_of(id, Reason::Upcoming, lines, period)?;
        invoice.next_payment_attempt = Some(next_attempt);
        Ok(invoice)
    }

    /// Ends a running trial now and bills the first period. Without a trial nothing happens.
    pub(crate) fn end_trial(&mut self, id: &str) -> Result<(), StripeError> {
        let now = self.now;
        let subscription = self.subscription(id)?;
        if subscription.status != Status::Trialing {
            return Ok(());
        }
        let period = subscription.cadence.period_at(now, now);
        let lines = self.period_lines(&subscription.items, period, false)?;
        let reason = Reason::SubscriptionUpdate;
        self.bill(
            id,
            Bill {
                reason,
                lines,
                period,
            },
            |subscription| {
                subscription.status = Status::Active;
                subscription.anchor = now;
                subscription.period = period;
                subscription.trial = subscription.trial.map(|trial| Period { end: now, ..trial });
            },
        )
    }

    /// Begins a trial or moves its end, which becomes the billing anchor.
    pub(crate) fn move_trial_end(&mut self, id: &str, end: i64) {
        let now = self.now;
        self.edit_subscription(id, |subscription| {
            let running = subscription.status == Status::Trialing;
            let start = if running {
                subscription.period.start
            } else {
                now
            };
            subscription.status = Status::Trialing;
            subscription.anchor = end;
            subscription.period = Period { start, end };
            subscription.trial = Some(Period { start, end });
            if subscription.cancel_at_period_end {
                subscription.cancel_at = Some(end);
            }
        });
    }

    /// Ends a subscription now with an invoice that credits the unused time to the balance.
    pub(crate) fn credit_unused(&mut self, id: &str) -> Result<(), StripeError> {
        let subscription = self.subscription(id)?.clone();
        if subscription.status != Status::Active {
            return Ok(());
        }
        let lines = self.prorations(&subscription, &[], subscription.period, self.now)?;
        let period = Period {
            start: subscription.period.start,
            end: self.now,
        };
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

    fn changed_items(
        &mut self,
        before: &Subscription,
        changes: &[ItemChange],
    ) -> Result<Vec<Item>, StripeError> {
        let mut items = before.items.clone();
        for change in changes {
            let Some(id) = &change.id else {
                items.push(self.added_item(change)?);
                continue;
            };
            let place = items
                .iter()
                .position(|item| item.id == *id)
                .ok_or_else(|| {
                    StripeError::no_such_in(
                        "subscription_item",
                        id,
                        &format!("{}[id]", change.param),
                    )
                })?;
            if change.deleted {
                items.remove(place);
            } else if let Some(item) = items.get_mut(place) {
                item.quantity = change.quantity.unwrap_or(item.quantity);
                if let Some(price) = &change.price {
                    item.price.clone_from(price);
                }
                change.metadata.clone().apply(&mut item.metadata);
            }
        }
        if items.is_empty() {
            return Err(
                StripeError::invalid("A subscription must have at least one active plan.")
                    .with_param("items"),
            );
        }
        Ok(items)
    }

    fn added_item(&mut self, change: &ItemChange) -> Result<Item, StripeError> {
        let param = format!("{}[price]", change.param);
        let price = change
            .price
            .clone()
            .ok_or_else(|| StripeError::missing_parameter(param))?;
        Ok(Item {
            id: self.new_id("si_", 14),
            created: self.now,
            price,
            quantity: change.quantity.unwrap_or(1),
            metadata: change.metadata.clone().into_map(),
        })
    }

    fn would_pay(&self, subscription: &Subscription) -> Result<(), StripeError> {
        let customer = self.customers.get(&subscription.customer);
        let card = subscription
            .default_payment_method
            .as_ref()
            .or_else(|| customer.and_then(|customer| customer.default_payment_method.as_ref()))
            .and_then(|id| self.payment_methods.get(id));
        match card {
            Some(method) => method.card.behaviour.charge(),
            None => Err(StripeError::invalid(
                "This customer has no attached payment source or default payment method.",
            )
            .with_code("resource_missing")),
        }
    }
}

/// The item as a wish, under the name the request gave it.
fn as_new(item: &Item, changes: &[ItemChange]) -> NewItem {
    let param = changes
        .iter()
        .find(|change| change.price.as_ref() == Some(&item.price))
        .map_or_else(
            || "items".to_owned(),
            |change| format!("{}[price]", change.param),
        );
    NewItem {
        price: item.price.clone(),
        quantity: item.quantity,
        metadata: Metadata::new(),
        param,
    }
}
