//! Cards and what they do when charged, by Stripe's test numbers
//! (<https://docs.stripe.com/testing>).

use serde::{Deserialize, Serialize};

use super::{Metadata, State, table::rows};
use crate::errors::StripeError;

/// How a card behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Behaviour {
    Pays,
    /// Can be attached, and is declined whenever it is charged.
    FailsWhenCharged,
    /// Can be neither attached nor charged.
    Declined,
    InsufficientFunds,
    Expired,
}

impl Behaviour {
    /// The outcome of a charge.
    pub(crate) fn charge(self) -> Result<(), StripeError> {
        match self {
            Self::Pays => Ok(()),
            Self::FailsWhenCharged | Self::Declined => Err(StripeError::card(
                "card_declined",
                Some("generic_decline"),
                "Your card was declined.",
            )),
            Self::InsufficientFunds => Err(StripeError::card(
                "card_declined",
                Some("insufficient_funds"),
                "Your card has insufficient funds.",
            )),
            Self::Expired => Err(StripeError::card(
                "expired_card",
                None,
                "Your card has expired.",
            )),
        }
    }

    /// The outcome of attaching the card to a customer, which asks the bank without charging.
    pub(crate) fn attach(self) -> Result<(), StripeError> {
        match self {
            Self::Pays | Self::FailsWhenCharged => Ok(()),
            Self::Declined | Self::InsufficientFunds | Self::Expired => self.charge(),
        }
    }
}

/// A card as typed or as a test token names it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) last4: u16,
    pub(crate) mastercard: bool,
    pub(crate) behaviour: Behaviour,
}

/// Number, test token's tail (`pm_card_…`, `tok_…`), behaviour.
const TEST_CARDS: [(&str, &[&str], Behaviour); 6] = [
    ("4242424242424242", &["visa"], Behaviour::Pays),
    ("5555555555554444", &["mastercard"], Behaviour::Pays),
    (
        "4000000000000341",
        &["chargeCustomerFail"],
        Behaviour::FailsWhenCharged,
    ),
    (
        "4000000000000002",
        &["visa_chargeDeclined", "chargeDeclined"],
        Behaviour::Declined,
    ),
    (
        "4000000000009995",
        &[
            "visa_chargeDeclinedInsufficientFunds",
            "chargeDeclinedInsufficientFunds",
        ],
        Behaviour::InsufficientFunds,
    ),
    (
        "4000000000000069",
        &["chargeDeclinedExpiredCard"],
        Behaviour::Expired,
    ),
];

impl Card {
    /// Reads a typed number; spaces and dashes do not count.
    pub(crate) fn by_number(typed: &str) -> Result<Self, StripeError> {
        let digits: String = typed.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        TEST_CARDS
            .iter()
            .find(|(number, ..)| *number == digits)
            .map(Self::from_row)
            .ok_or_else(|| {
                StripeError::card(
                    "incorrect_number",
                    None,
                    "Your card number is incorrect. The sandbox takes test cards only.",
                )
            })
    }

    /// The card behind `pm_card_visa`, `tok_visa` and the like.
    pub(crate) fn by_token(token: &str) -> Option<Self> {
        let tail = token
            .strip_prefix("pm_card_")
            .or_else(|| token.strip_prefix("tok_"))?;
        TEST_CARDS
            .iter()
            .find(|(_, tokens, _)| tokens.contains(&tail))
            .map(Self::from_row)
    }

    fn from_row((number, _, behaviour): &(&str, &[&str], Behaviour)) -> Self {
        let last4 = number
            .get(12..)
            .and_then(|tail| tail.parse().ok())
            .unwrap_or_default();
        Self {
            last4,
            mastercard: number.starts_with('5'),
            behaviour: *behaviour,
        }
    }

    pub(crate) fn brand(self) -> &'static str {
        if self.mastercard {
            "mastercard"
        } else {
            "visa"
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PaymentMethod {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) card: Card,
    pub(crate) customer: Option<String>,
    pub(crate) metadata: Metadata,
}

rows!(PaymentMethod);

impl State {
    pub(crate) fn new_payment_method(&mut self, card: Card) -> String {
        let id = self.new_id("pm_1", 23);
        self.payment_methods.insert(PaymentMethod {
            id: id.clone(),
            created: self.now,
            card,
            customer: None,
            metadata: Metadata::new(),
        });
        id
    }

    /// The payment method's id; a test token makes a new one, as in Stripe.
    pub(crate) fn payment_method(&mut self, id: &str) -> Result<String, StripeError> {
        if let Some(card) = Card::by_token(id) {
            return Ok(self.new_payment_method(card));
        }
        match self.payment_methods.get(id) {
            Some(_) => Ok(id.to_owned()),
            None => Err(StripeError::no_such("PaymentMethod", id)),
        }
    }

    /// Attaches a card to a customer, if its bank agrees.
    pub(crate) fn attach(&mut self, id: &str, customer: &str) -> Result<(), StripeError> {
        let Some(method) = self.payment_methods.get_mut(id) else {
            return Err(StripeError::no_such("PaymentMethod", id));
        };
        match method.customer.as_deref() {
            Some(owner) if owner == customer => return Ok(()),
            Some(_) => {
                return Err(StripeError::invalid(
                    "The payment method you provided has already been attached to a customer.",
                ));
            }
            None => {}
        }
        method.card.behaviour.attach()?;
        method.customer = Some(customer.to_owned());
        let snapshot = method.to_json();
        self.emit("payment_method.attached", snapshot);
        Ok(())
    }
}
