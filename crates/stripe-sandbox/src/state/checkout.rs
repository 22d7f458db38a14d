//! Checkout sessions: opened, paid, expired. A subscription is made when the session is paid,
//! not before, and a declined card leaves the session open.

use serde::{Deserialize, Serialize};

use super::{
    Metadata, State,
    card::Card,
    subscription::{NewItem, NewSubscription, PaymentBehaviour, TrialEndWithoutCard},
    table::rows,
};
use crate::{calendar::DAY, errors::StripeError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

impl SessionStatus {
    pub(crate) const NAMES: [(&'static str, Self); 3] = [
        ("open", Self::Open),
        ("complete", Self::Complete),
        ("expired", Self::Expired),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Subscription,
    Setup,
}

/// Where the session is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ui {
    /// On our page, coming back to these addresses.
    Hosted {
        success_url: String,
        cancel_url: Option<String>,
    },
    /// In the caller's page, by the client secret.
    Embedded {
        client_secret: String,
        return_url: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineItem {
    pub(crate) id: String,
    pub(crate) price: String,
    pub(crate) quantity: i64,
}

/// The trial a session gives; days count from the moment it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrialOffer {
    Until(i64),
    Days(i64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) expires_at: i64,
    pub(crate) status: SessionStatus,
    pub(crate) mode: Mode,
    pub(crate) ui: Ui,
    pub(crate) customer: Option<String>,
    pub(crate) customer_email: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) line_items: Vec<LineItem>,
    pub(crate) trial: Option<TrialOffer>,
    pub(crate) trial_end_without_card: TrialEndWithoutCard,
    pub(crate) metadata: Metadata,
    pub(crate) subscription_metadata: Metadata,
    pub(crate) description: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) invoice: Option<String>,
    pub(crate) setup_intent: Option<String>,
}

rows!(Session);

impl Session {
    pub(crate) fn is_open(&self) -> bool {
        self.status == SessionStatus::Open
    }

    /// Where the buyer goes after paying, the session's id filled in.
    pub(crate) fn return_address(&self) -> Option<String> {
        let address = match &self.ui {
            Ui::Hosted { success_url, .. } => Some(success_url),
            Ui::Embedded { return_url, .. } => return_url.as_ref(),
        };
        address.map(|address| address.replace("{CHECKOUT_SESSION_ID}", &self.id))
    }

    pub(crate) fn trial_end(&self, now: i64) -> Option<i64> {
        self.trial.map(|trial| match trial {
            TrialOffer::Until(moment) => moment,
            TrialOffer::Days(days) => now + days * DAY,
        })
    }
}

impl State {
    pub(crate) fn session(&self, id: &str) -> Result<&Session, StripeError> {
        self.sessions
            .get(id)
            .ok_or_else(|| StripeError::no_such("checkout.session", id))
    }

    /// Cents a period costs.
    pub(crate) fn session_amount(&self, session: &Session) -> i64 {
        let cents = |item: &LineItem| {
            self.prices
                .get(&item.price)
                .map_or(0, |price| price.unit_amount * item.quantity)
        };
        session.line_items.iter().map(cents).sum()
    }

    /// Cents asked for when the session is paid.
    pub(crate) fn session_amount_now(&self, session: &Session) -> i64 {
        if session
            .trial_end(self.now)
            .is_some_and(|end| end > self.now)
        {
            0
        } else {
            self.session_amount(session)
        }
    }

    /// Expires an open session, as asked for or because its time is over.
    pub(crate) fn expire_session(&mut self, id: &str) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.status = SessionStatus::Expired;
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let snapshot = self.session_json(session);
        self.emit("checkout.session.expired", snapshot);
    }

    /// What the page's button does: attaches the card, makes and pays the subscription, completes
    /// the session.
    pub(crate) fn pay_session(&mut self, id: &str, card: Card) -> Result<(), StripeError> {
        let session = self.session(id)?.clone();
        if !session.is_open() {
            return Err(StripeError::invalid(format!(
                "This Checkout Session is {}.",
                session.status.as_str()
            )));
        }
        card.behaviour.attach()?;
        if session.mode == Mode::Subscription && self.session_amount_now(&session) > 0 {
            card.behaviour.charge()?;
        }
        let customer = self.session_customer(&session);
        let method = self.new_payment_method(card);
        match session.mode {
            Mode::Setup => self.complete_setup(&session, &customer, &method)?,
            Mode::Subscription => {
                self.attach(&method, &customer)?;
                self.complete_purchase(&session, &customer, method)?;
            }
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.status = SessionStatus::Complete;
            session.customer = Some(customer);
        }
        let snapshot = self.session_json(self.session(id)?);
        self.emit("checkout.session.completed", snapshot);
        Ok(())
    }

    fn session_customer(&mut self, session: &Session) -> String {
        match &session.customer {
            Some(customer) => customer.clone(),
            None => {
                self.new_customer(|customer| customer.email.clone_from(&session.customer_email))
            }
        }
    }

    fn complete_setup(
        &mut self,
        session: &Session,
        customer: &str,
        method: &str,
    ) -> Result<(), StripeError> {
        match &session.setup_intent {
            Some(intent) => self.confirm_setup_intent(intent, method),
            None => self.attach(method, customer),
        }
    }

    fn complete_purchase(
        &mut self,
        session: &Session,
        customer: &str,
        method: String,
    ) -> Result<(), StripeError> {
        let items = session
            .line_items
            .iter()
            .enumerate()
            .map(|(place, item)| NewItem {
                price: item.price.clone(),
                quantity: item.quantity,
                metadata: Metadata::new(),
                param: format!("line_items[{place}][price]"),
            })
            .collect();
        let subscription = self.create_subscription(NewSubscription {
            customer: customer.to_owned(),
            items,
            trial_end: session.trial_end(self.now),
            trial_end_without_card: session.trial_end_without_card,
            default_payment_method: Some(method),
            behaviour: PaymentBehaviour::Allow,
            description: session.description.clone(),
            metadata: session.subscription_metadata.clone(),
            ..NewSubscription::default()
        })?;
        let invoice = self.subscription(&subscription)?.latest_invoice.clone();
        if let Some(session) = self.sessions.get_mut(&session.id) {
            session.subscription = Some(subscription);
            session.invoice = invoice;
        }
        Ok(())
    }
}
