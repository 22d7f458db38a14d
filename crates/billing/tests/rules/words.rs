//! The words by which statuses, intervals and ids leave this crate and are read again.

use tollgate_billing::{
    Basis, Customer, Interval, IntervalInvalid, PriceId, Status, StatusInvalid, SubscriptionId,
};

use crate::given::STATUSES;

#[test]
fn each_status_is_read_from_the_word_it_is_written_as() {
    let words = [
        "trialing",
        "pending_payment",
        "active",
        "past_due",
        "unpaid",
        "paused",
        "canceled",
        "expired",
        "complimentary",
    ];
    assert_eq!(Status::ALL.map(Status::as_str), words);
    for (status, word) in Status::ALL.into_iter().zip(words) {
        assert_eq!(status.to_string(), word);
        assert_eq!(Status::parse(word), Ok(status));
    }
    assert_eq!(Status::parse("Active"), Err(StatusInvalid));
}

#[test]
fn each_of_the_providers_statuses_shows_as_what_it_is_to_us() {
    for (word, status) in STATUSES {
        let shown = match word {
            "incomplete" => "pending_payment",
            "incomplete_expired" => "expired",
            same => same,
        };
        assert_eq!(Status::from(status).as_str(), shown);
    }
}

#[test]
fn each_basis_has_its_word() {
    let bases = [
        (Basis::Paid, "paid"),
        (Basis::Trial, "trial"),
        (Basis::Grace, "grace"),
        (Basis::Complimentary, "complimentary"),
        (Basis::Free, "free"),
        (Basis::ReadOnly, "read_only"),
    ];
    for (basis, word) in bases {
        assert_eq!(basis.as_str(), word);
    }
}

#[test]
fn each_interval_is_read_from_the_word_it_is_written_as() {
    for (interval, word) in [(Interval::Monthly, "monthly"), (Interval::Annual, "annual")] {
        assert_eq!(interval.as_str(), word);
        assert_eq!(Interval::parse(word), Ok(interval));
    }
    assert_eq!(Interval::parse("weekly"), Err(IntervalInvalid));
}

#[test]
fn the_providers_ids_are_written_as_they_came() {
    assert_eq!(SubscriptionId::new("sub_1").to_string(), "sub_1");
    assert_eq!(PriceId::from("price_1".to_owned()).as_str(), "price_1");
    assert_eq!(String::from(Customer::new("cus_1")), "cus_1");
}
