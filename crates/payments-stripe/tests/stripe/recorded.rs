//! What the real Stripe said, in every API version that was recorded.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use tollgate_billing::Customer;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{Described, NoticeContent, Payments as _};

use crate::{
    bad_servers::{http, serving},
    given::{heard, payments, read},
};

/// The recordings, or nothing where this machine has none, which is then said.
fn recordings(folder: &str) -> Option<Vec<(String, Value)>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "only the environment knows where the recordings lie"
    )]
    let Ok(root) = std::env::var("TOLLGATE_FIXTURES") else {
        eprintln!("SKIPPED: TOLLGATE_FIXTURES is not set, so no recording of Stripe was read");
        return None;
    };
    let folder = PathBuf::from(root).join("stripe").join(folder);
    let mut recordings: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (
                name,
                serde_json::from_slice(&fs::read(path).unwrap()).unwrap(),
            )
        })
        .collect();
    recordings.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(!recordings.is_empty(), "{} is empty", folder.display());
    Some(recordings)
}

/// File, then what its event says.
const TOLD: [[&str; 2]; 8] = [
    [
        "2025-10-29.clover.customer.subscription.created.active.json",
        "cus_TOnPTfYVb5cWQv sub_1SRzp3KXBGcbgpbZDcTsaVD4 Active, 1 of default, 1762799293 to 1765391293",
    ],
    [
        "2025-10-29.clover.customer.subscription.created.trialing.json",
        "cus_TL2wOKapdYV2oF sub_1SOMr4KXBGcbgpbZnKDfiVUj Trialing, 1 of default, 1761934518 to 1763144118",
    ],
    [
        "2025-10-29.clover.customer.subscription.deleted.canceled.json",
        "cus_TL2wOKapdYV2oF sub_1SOMr4KXBGcbgpbZnKDfiVUj Canceled, 1 of default, 1761934518 to 1763144118, ended 1761934520",
    ],
    [
        "2025-10-29.clover.customer.subscription.updated.active.cape.json",
        "cus_TOnPTfYVb5cWQv sub_1SRzp3KXBGcbgpbZDcTsaVD4 Active, 1 of default, 1762799293 to 1765391293, ends 1765391293",
    ],
    [
        "2025-10-29.clover.customer.subscription.updated.active.json",
        "cus_TOnRCmtCxfIJa0 sub_1SRzqaKXBGcbgpbZayOL8079 Active, 1 of small-monthly, 1762799388 to 1765391388",
    ],
    [
        "2025-10-29.clover.invoice.payment_succeeded.json",
        "cus_TOnPTfYVb5cWQv paid for sub_1SRzp3KXBGcbgpbZDcTsaVD4",
    ],
    [
        "2026-03-25.dahlia.checkout.session.completed.json",
        "cs_test_a1PwY30ztx0TcmbgNKeBcXSGDZwowdkBF2pEJCwVB1bAMgcnS7A4tACRR5 sold sub_derived to cus_UFHpx9wyRhqhy7",
    ],
    [
        "2026-03-25.dahlia.customer.subscription.created.trialing.json",
        "cus_UFHolUcKiEPpti sub_1TGnFJKXBGcbgpbZqZC2HAM0 Trialing, 1 of small-monthly, 1774905677 to 1776201677",
    ],
];

#[test]
fn recorded_events_are_told_in_our_words() {
    let Some(recorded) = recordings("derived-events") else {
        return;
    };
    let told: Vec<_> = recorded
        .iter()
        .map(|(name, event)| [name.clone(), in_one_line(read(event).content)])
        .collect();
    assert_eq!(told, TOLD);
}

fn in_one_line(content: NoticeContent) -> String {
    match content {
        NoticeContent::Subscription {
            customer,
            described,
        } => {
            format!("{customer} {}", described_in_one_line(&described))
        }
        NoticeContent::PaymentSucceeded {
            customer,
            subscription,
        } => {
            format!("{customer} paid for {subscription}")
        }
        NoticeContent::CheckoutCompleted {
            session,
            customer,
            subscription,
        } => {
            format!(
                "{session} sold {} to {}",
                subscription.unwrap(),
                customer.unwrap()
            )
        }
        other @ (NoticeContent::CheckoutExpired { .. }
        | NoticeContent::PaymentFailed { .. }
        | NoticeContent::TrialWillEnd { .. }
        | NoticeContent::Irrelevant
        | NoticeContent::Unreadable { .. }) => format!("not recorded: {other:?}"),
    }
}

fn described_in_one_line(described: &Described) -> String {
    let at = |name: &str, moment: Option<Timestamp>| {
        moment.map_or_else(String::new, |moment| {
            format!(", {name} {}", moment.unix_seconds())
        })
    };
    format!(
        "{} {:?}, {} of {}, {} to {}{}{}",
        described.subscription,
        described.status,
        described.seats,
        described.price,
        described.period.start().unix_seconds(),
        described.period.end().unix_seconds(),
        at("ends", described.cancel_at),
        at("ended", described.ended_at),
    )
}

#[test]
fn every_recorded_object_can_be_read() {
    let Some(recorded) = recordings("http") else {
        return;
    };
    let mut read = 0;
    for (name, exchanges) in recorded {
        for exchange in exchanges.as_array().unwrap() {
            let object = &exchange["response"]["body"];
            match object["object"].as_str() {
                Some("subscription") => assert_described(&name, object),
                Some("invoice") => assert_paid(&name, object),
                _ => continue,
            }
            read += 1;
        }
    }
    assert!(read >= 20, "only {read} objects were recorded");
}

fn assert_described(name: &str, object: &Value) {
    let told = heard("customer.subscription.updated", object);
    let NoticeContent::Subscription {
        customer,
        described,
    } = told
    else {
        panic!("{name}: {told:?}")
    };
    let item = &object["items"]["data"][0];
    assert_eq!(object["customer"], customer.as_str(), "{name}");
    assert_eq!(object["id"], described.subscription.as_str(), "{name}");
    assert_eq!(item["price"]["id"], described.price.as_str(), "{name}");
    assert_eq!(item["quantity"], described.seats, "{name}");
    assert_eq!(
        object["ended_at"].as_i64(),
        described.ended_at.map(Timestamp::unix_seconds),
        "{name}"
    );
}

fn assert_paid(name: &str, object: &Value) {
    let told = heard("invoice.paid", object);
    let NoticeContent::PaymentSucceeded { customer, .. } = told else {
        panic!("{name}: {told:?}")
    };
    assert_eq!(object["customer"], customer.as_str(), "{name}");
}

#[tokio::test]
async fn every_recorded_invoice_can_be_listed() {
    let Some(recorded) = recordings("http") else {
        return;
    };
    let exchanges = recorded
        .iter()
        .flat_map(|(_, exchanges)| exchanges.as_array().unwrap());
    let invoices: Vec<_> = exchanges
        .map(|exchange| &exchange["response"]["body"])
        .filter(|object| object["object"] == "invoice")
        .collect();
    assert!(!invoices.is_empty(), "no invoice was recorded");
    let list = json!({ "object": "list", "has_more": true, "data": invoices });
    let (url, serving) = serving(http("200 OK", "", &list.to_string())).await;
    let page = payments(&url)
        .list_invoices(&Customer::new("cus_1"), None)
        .await
        .unwrap();
    serving.abort();
    assert!(page.has_more);
    for (read, object) in page.items.iter().zip(&invoices) {
        assert_eq!(object["id"], read.id);
        assert_eq!(object["number"].as_str(), read.number.as_deref());
        assert_eq!(object["status"], read.status);
        assert_eq!(object["amount_due"], read.amount_due);
        assert_eq!(object["amount_paid"], read.amount_paid);
        assert_eq!(object["created"], read.created.unix_seconds());
    }
    assert_eq!(page.items.len(), invoices.len());
}
