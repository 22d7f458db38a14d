//! Which events concern us, and what each says. One file per family; everything else is nothing to us.

mod checkout;
mod invoice;
mod subscription;

use serde::{Deserialize, de::DeserializeOwned};
use tollgate_billing::Stamp;
use tollgate_use_cases::ports::NoticeContent;

use crate::objects::{self, Unreadable};

/// The types that concern us; everything else need not be asked for.
pub(crate) const TYPES: [&str; 9] = [
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.trial_will_end",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.paid",
];

/// What the event of type `kind`, made at `stamp`, says in its whole `body`.
pub(crate) fn content(kind: &str, stamp: Stamp, body: &str) -> Result<NoticeContent, Unreadable> {
    match kind {
        "checkout.session.completed" => checkout::completed(&object(body)?),
        "checkout.session.expired" => checkout::expired(&object(body)?),
        "customer.subscription.created" | "customer.subscription.updated" => {
            subscription::changed(&object(body)?, stamp)
        }
        "customer.subscription.deleted" => subscription::deleted(&object(body)?, stamp),
        "customer.subscription.trial_will_end" => subscription::trial_will_end(&object(body)?),
        "invoice.payment_failed" => invoice::payment_failed(&object(body)?),
        "invoice.payment_succeeded" | "invoice.paid" => invoice::payment_succeeded(&object(body)?),
        _ => Ok(NoticeContent::Irrelevant),
    }
}

fn object<T: DeserializeOwned>(body: &str) -> Result<T, Unreadable> {
    #[derive(Deserialize)]
    struct Event<T> {
        data: Data<T>,
    }
    #[derive(Deserialize)]
    struct Data<T> {
        object: T,
    }
    objects::parse(body.as_bytes()).map(|event: Event<T>| event.data.object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        let source = include_str!("mod.rs");
        let arms = source.split("match kind {").nth(1).unwrap();
        let arms = arms.split("_ =>").next().unwrap();
        let read: Vec<_> = arms.split('"').skip(1).step_by(2).collect();
        assert_eq!(read, TYPES);
    }
}
