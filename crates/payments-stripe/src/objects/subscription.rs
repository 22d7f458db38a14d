//! A subscription, with its period on the item (since 2025-03-31.basil) or on itself (before).

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use tollgate_billing::{Customer, Period, PriceId, ProviderStatus, Stamp, SubscriptionId};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{Described, FirstPayment};

use super::{Id, List, Unreadable, optional_timestamp, timestamp};

/// <https://docs.stripe.com/api/subscriptions/object>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Subscription {
    id: Id,
    customer: Id,
    status: String,
    items: List<Item>,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
    cancel_at_period_end: Option<bool>,
    cancel_at: Option<i64>,
    ended_at: Option<i64>,
    trial_end: Option<i64>,
    created: Option<i64>,
    #[serde(default, deserialize_with = "expanded")]
    latest_invoice: Option<LatestInvoice>,
}

#[derive(Debug, Clone, Deserialize)]
struct LatestInvoice {
    id: Option<Id>,
    status: Option<String>,
    confirmation_secret: Option<ConfirmationSecret>,
}

/// The object where it was asked for; else only its id stands there.
fn expanded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LatestInvoice>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Place {
        Whole(LatestInvoice),
        Id(IgnoredAny),
    }
    Ok(match Place::deserialize(deserializer)? {
        Place::Whole(invoice) => Some(invoice),
        Place::Id(IgnoredAny) => None,
    })
}

#[derive(Clone, Deserialize)]
struct ConfirmationSecret {
    client_secret: SecretString,
}

impl fmt::Debug for ConfirmationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmationSecret(..)")
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Item {
    id: Option<Id>,
    price: Price,
    quantity: Option<u32>,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Price {
    id: Id,
    recurring: Option<Recurring>,
}

#[derive(Debug, Clone, Deserialize)]
struct Recurring {
    usage_type: Option<String>,
}

impl Item {
    fn is_metered(&self) -> bool {
        let recurring = self.price.recurring.as_ref();
        recurring.and_then(|recurring| recurring.usage_type.as_deref()) == Some("metered")
    }
}

impl Subscription {
    pub(crate) fn id(&self) -> SubscriptionId {
        SubscriptionId::new(self.id.as_str())
    }

    pub(crate) fn customer(&self) -> Customer {
        Customer::new(self.customer.as_str())
    }

    pub(crate) fn trial_end(&self) -> Result<Option<Timestamp>, Unreadable> {
        optional_timestamp("trial_end", self.trial_end)
    }

    /// When it was made, which is when an answer to its making was true.
    pub(crate) fn created(&self) -> Result<Stamp, Unreadable> {
        let created = self.created.map(Stamp::from_unix_seconds);
        created.ok_or_else(|| Unreadable::missing("created"))
    }

    /// What its first payment needs, of one that was read with its latest invoice.
    pub(crate) fn first_payment(&self) -> Result<Option<FirstPayment>, Unreadable> {
        let invoice = self.latest_invoice.as_ref();
        let Some(secret) = invoice.and_then(|invoice| invoice.confirmation_secret.as_ref()) else {
            return Ok(None);
        };
        let secret = &secret.client_secret;
        let (id, _) = secret
            .expose_secret()
            .split_once("_secret_")
            .ok_or_else(|| Unreadable::new("a client secret does not begin with a payment's id"))?;
        Ok(Some(FirstPayment {
            id: id.to_owned(),
            client_secret: secret.clone(),
        }))
    }

    /// The invoice of a first payment that nobody has made, and whether it is void, of one that was read
    /// with its latest invoice.
    pub(crate) fn first_invoice(&self) -> Option<(&str, bool)> {
        let invoice = self.latest_invoice.as_ref()?;
        let id = invoice
            .id
            .as_ref()
            .filter(|_| self.status == "incomplete")?;
        Some((id.as_str(), invoice.status.as_deref() == Some("void")))
    }

    /// The whole of it as it stood at `stamp`.
    ///
    /// `canceled_at` is left unread on purpose: it is when somebody asked for the end, not the end.
    pub(crate) fn describe(&self, stamp: Stamp) -> Result<Described, Unreadable> {
        let item = self.licensed_item()?;
        let period = self.period(item)?;
        let at_period_end = self.cancel_at_period_end.unwrap_or_default();
        let cancel_at = optional_timestamp("cancel_at", self.cancel_at)?
            .or_else(|| at_period_end.then(|| period.end()));
        Ok(Described {
            subscription: self.id(),
            status: status(&self.status)?,
            price: PriceId::new(item.price.id.as_str()),
            seats: item
                .quantity
                .ok_or_else(|| Unreadable::missing("items.data.quantity"))?,
            period,
            cancel_at,
            ended_at: optional_timestamp("ended_at", self.ended_at)?,
            stamp,
        })
    }

    /// Where the plan's price and seats are changed.
    pub(crate) fn item_id(&self) -> Result<&str, Unreadable> {
        let id = self.licensed_item()?.id.as_ref();
        id.map(Id::as_str)
            .ok_or_else(|| Unreadable::missing("items.data.id"))
    }

    /// Whether its first charge lies ahead.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.status == "trialing"
    }

    /// Whether its end is scheduled.
    pub(crate) fn is_ending(&self) -> bool {
        self.cancel_at.is_some() || self.cancel_at_period_end == Some(true)
    }

    /// The item whose price is the plan's. Metered items come beside it; two that are sold by the seat
    /// are two plans, and which one counts is not ours to guess.
    fn licensed_item(&self) -> Result<&Item, Unreadable> {
        let mut licensed = self.items.data.iter().filter(|item| !item.is_metered());
        match (licensed.next(), licensed.next()) {
            (Some(item), None) => Ok(item),
            (None, _) => Err(Unreadable::new("no item is sold by the seat")),
            (Some(_), Some(_)) => Err(Unreadable::new("more than one item is sold by the seat")),
        }
    }

    fn period(&self, item: &Item) -> Result<Period, Unreadable> {
        let start = item.current_period_start.or(self.current_period_start);
        let end = item.current_period_end.or(self.current_period_end);
        let (Some(start), Some(end)) = (start, end) else {
            return Err(Unreadable::missing("current_period_start or _end"));
        };
        Period::new(
            timestamp("current_period_start", start)?,
            timestamp("current_period_end", end)?,
        )
        .map_err(|error| Unreadable::new(error.to_string()))
    }
}

fn status(word: &str) -> Result<ProviderStatus, Unreadable> {
    match word {
        "incomplete" => Ok(ProviderStatus::Incomplete),
        "incomplete_expired" => Ok(ProviderStatus::IncompleteExpired),
        "trialing" => Ok(ProviderStatus::Trialing),
        "active" => Ok(ProviderStatus::Active),
        "past_due" => Ok(ProviderStatus::PastDue),
        "unpaid" => Ok(ProviderStatus::Unpaid),
        "paused" => Ok(ProviderStatus::Paused),
        "canceled" => Ok(ProviderStatus::Canceled),
        unknown => Err(Unreadable::new(format!("unknown status {unknown:?}"))),
    }
}
