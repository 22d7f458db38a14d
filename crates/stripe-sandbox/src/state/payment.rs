//! Payment intents, charges, refunds and setup intents: the trace of money asked for and returned.

use serde::{Deserialize, Serialize};

use super::{Metadata, State, table::rows};
use crate::errors::StripeError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    Succeeded,
    Canceled,
}

impl IntentStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

/// Why a charge failed, as `last_payment_error` tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Decline {
    pub(crate) code: String,
    pub(crate) reason: Option<String>,
    pub(crate) message: String,
}

impl From<&StripeError> for Decline {
    fn from(error: &StripeError) -> Self {
        Self {
            code: error.code.unwrap_or("card_declined").to_owned(),
            reason: error.decline_code.map(str::to_owned),
            message: error.message.clone(),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) client_secret: String,
    pub(crate) customer: String,
    pub(crate) invoice: String,
    pub(crate) description: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: IntentStatus,
    pub(crate) payment_method: Option<String>,
    pub(crate) latest_charge: Option<String>,
    pub(crate) last_error: Option<Decline>,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) cancellation_reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SetupIntent {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) client_secret: String,
    pub(crate) customer: Option<String>,
    pub(crate) status: IntentStatus,
    pub(crate) payment_method: Option<String>,
    pub(crate) metadata: Metadata,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) intent: String,
    pub(crate) customer: String,
    pub(crate) payment_method: String,
    pub(crate) amount: i64,
    pub(crate) amount_refunded: i64,
    pub(crate) currency: String,
    pub(crate) failure: Option<Decline>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) charge: String,
    pub(crate) intent: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) reason: Option<String>,
    pub(crate) metadata: Metadata,
}

rows!(Intent, SetupIntent, Charge, Refund);

impl State {
    pub(crate) fn intent(&self, id: &str) -> Result<&Intent, StripeError> {
        self.intents
            .get(id)
            .ok_or_else(|| StripeError::no_such("payment_intent", id))
    }

    pub(crate) fn setup_intent(&self, id: &str) -> Result<&SetupIntent, StripeError> {
        self.setup_intents
            .get(id)
            .ok_or_else(|| StripeError::no_such("setupintent", id))
    }

    /// Charges the intent's amount to a card. The invoice is not touched.
    pub(crate) fn charge(&mut self, intent_id: &str, method_id: &str) -> Result<(), StripeError> {
        let intent = self.intent(intent_id)?.clone();
        let method = self
            .payment_methods
            .get(method_id)
            .ok_or_else(|| StripeError::no_such_in("PaymentMethod", method_id, "payment_method"))?;
        let outcome = method.card.behaviour.charge();
        let charge = Charge {
            id: self.new_id("ch_3", 23),
            created: self.now,
            intent: intent.id.clone(),
            customer: intent.customer,
            payment_method: method_id.to_owned(),
            amount: intent.amount,
            amount_refunded: 0,
            currency: intent.currency,
            failure: outcome.as_ref().err().map(Decline::from),
        };
        if let Some(intent) = self.intents.get_mut(intent_id) {
            intent.latest_charge = Some(charge.id.clone());
            intent.last_error.clone_from(&charge.failure);
            if outcome.is_ok() {
                intent.status = IntentStatus::Succeeded;
                intent.payment_method = Some(method_id.to_owned());
            } else {
                intent.status = IntentStatus::RequiresPaymentMethod;
                intent.payment_method = None;
            }
        }
        let snapshot = charge.to_json();
        self.charges.insert(charge);
        let (told, charged) = match outcome {
            Ok(()) => ("payment_intent.succeeded", "charge.succeeded"),
            Err(_) => ("payment_intent.payment_failed", "charge.failed"),
        };
        let intent = self.intent(intent_id)?.to_json();
        self.emit(told, intent);
        self.emit(charged, snapshot);
        outcome
    }

    pub(crate) fn new_setup_intent(
        &mut self,
        customer: Option<&str>,
        metadata: Metadata,
    ) -> String {
        let id = self.new_id("seti_1", 23);
        let intent = SetupIntent {
            id: id.clone(),
            created: self.now,
            client_secret: self.new_id(&format!("{id}_secret_"), 25),
            customer: customer.map(str::to_owned),
            status: IntentStatus::RequiresPaymentMethod,
            payment_method: None,
            metadata,
        };
        let snapshot = intent.to_json();
        self.setup_intents.insert(intent);
        self.emit("setup_intent.created", snapshot);
        id
    }

    /// Confirms a setup intent with a card: attaches it to the intent's customer.
    pub(crate) fn confirm_setup_intent(
        &mut self,
        id: &str,
        method: &str,
    ) -> Result<(), StripeError> {
        let customer = self.setup_intent(id)?.customer.clone();
        if let Some(customer) = customer {
            self.attach(method, &customer)?;
        }
        let Some(intent) = self.setup_intents.get_mut(id) else {
            return Ok(());
        };
        intent.status = IntentStatus::Succeeded;
        intent.payment_method = Some(method.to_owned());
        let snapshot = intent.to_json();
        self.emit("setup_intent.succeeded", snapshot);
        Ok(())
    }

    /// Returns money of a charge: never more than was taken and not yet returned.
    pub(crate) fn refund(
        &mut self,
        charge_id: &str,
        amount: Option<i64>,
        reason: Option<String>,
        metadata: Metadata,
    ) -> Result<String, StripeError> {
        let charge = self
            .charges
            .get(charge_id)
            .ok_or_else(|| StripeError::no_such_in("charge", charge_id, "charge"))?;
        if charge.failure.is_some() {
            return Err(StripeError::invalid(
                "Cannot refund a charge that did not succeed.",
            ));
        }
        let left = charge.amount - charge.amount_refunded;
        if left == 0 {
            return Err(StripeError::invalid(format!(
                "Charge {charge_id} has already been refunded."
            ))
            .with_code("charge_already_refunded"));
        }
        let amount = amount.unwrap_or(left);
        if amount > left {
            return Err(StripeError::invalid(format!(
                "Refund amount ({}) is greater than unrefunded amount on charge ({})",
                dollars(amount),
                dollars(left)
            ))
            .with_param("amount"));
        }
        let refund = Refund {
            intent: charge.intent.clone(),
            currency: charge.currency.clone(),
            id: self.new_id("re_3", 23),
            created: self.now,
            charge: charge_id.to_owned(),
            amount,
            reason,
            metadata,
        };
        let id = refund.id.clone();
        let snapshot = refund.to_json();
        self.refunds.insert(refund);
        if let Some(charge) = self.charges.get_mut(charge_id) {
            let before = charge.to_json();
            charge.amount_refunded += amount;
            let after = charge.to_json();
            self.emit_change("charge.refunded", &before, after);
        }
        self.emit("refund.created", snapshot);
        Ok(id)
    }
}

/// `$12.34`.
pub(crate) fn dollars(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}${}.{:02}", cents / 100, cents % 100)
}
