use super::*;
use crate::BannerStage::{
    Canceled, Complimentary, Expired, Paid, PastDue as Owing, Pristine, Urgent, Warning,
};

fn shown(standing: &Standing, now: Timestamp) -> Option<(BannerStage, Option<u32>)> {
    trial_banner(standing, now).map(|banner| (banner.stage, banner.days_remaining))
}

#[test]
fn a_trial_is_told_by_the_time_that_is_left_to_the_microsecond() {
    let end = at(14 * DAY);
    let left = |span: Duration| end.saturating_sub(span);
    let days = |days| Duration::from_secs(days * DAY);
    let trials = subscriptions(end)
        .into_iter()
        .filter(|s| matches!(s, Subscription::Trialing(_)) || s.reverse().is_some());
    let mut kinds = 0;
    for subscription in trials {
        kinds += 1;
        let standing = standing(subscription);
        for (now, expected) in [
            (left(days(14)), (Pristine, Some(14))),
            (
                left(days(14)).saturating_add(MICROSECOND),
                (Pristine, Some(14)),
            ),
            (left(days(13)), (Pristine, Some(13))),
            (left(days(3) + MICROSECOND), (Pristine, Some(4))),
            (left(days(3)), (Warning, Some(3))),
            (left(days(2) + MICROSECOND), (Warning, Some(3))),
            (left(days(1) + MICROSECOND), (Warning, Some(2))),
            (left(days(1)), (Warning, Some(1))),
            (left(days(1)).saturating_add(MICROSECOND), (Urgent, Some(1))),
            (left(MICROSECOND), (Urgent, Some(1))),
            (end, (Expired, None)),
            (Timestamp::MAX, (Expired, None)),
        ] {
            assert_eq!(
                shown(&standing, now),
                Some(expected),
                "{standing:?} at {now}"
            );
        }
    }
    assert_eq!(kinds, 4);
}

#[test]
fn every_other_state_has_one_banner_or_none() {
    for subscription in subscriptions(at(DAY)) {
        let expected = match &subscription {
            Subscription::Free { .. }
            | Subscription::PendingPayment(PendingPayment {
                meanwhile: Meanwhile::Nothing | Meanwhile::Free { .. } | Meanwhile::Over { .. },
                ..
            }) => None,
            Subscription::Trialing(_)
            | Subscription::PendingPayment(PendingPayment {
                meanwhile: Meanwhile::Trial(_),
                ..
            })
            | Subscription::Paused(_)
            | Subscription::Expired(_) => Some((Expired, None)),
            Subscription::Active(_) => Some((Paid, None)),
            Subscription::PastDue(_) | Subscription::Unpaid(_) => Some((Owing, None)),
            Subscription::Canceled(_) => Some((Canceled, None)),
        };
        let standing = standing(subscription);
        assert_eq!(shown(&standing, at(2 * DAY)), expected, "{standing:?}");
    }
    assert_eq!(shown(&Standing::default(), at(0)), None);
}

#[test]
fn a_complimentary_grant_covers_everything_until_it_ends() {
    let with_grant = |subscription| Standing {
        subscription,
        grant: Some(grant(Some(at(9)))),
    };
    let all = subscriptions(at(DAY)).into_iter().map(Some);
    for subscription in all.chain([None]) {
        let standing = with_grant(subscription.clone());
        let before = at(9).saturating_sub(MICROSECOND);
        assert_eq!(shown(&standing, before), Some((Complimentary, None)));
        let bare = Standing {
            subscription,
            grant: None,
        };
        assert_eq!(shown(&standing, at(9)), shown(&bare, at(9)));
    }
}

#[test]
fn stages_are_written_as_the_contract_says() {
    assert_eq!(
        [
            Pristine,
            Warning,
            Urgent,
            Expired,
            Complimentary,
            Paid,
            Owing,
            Canceled
        ]
        .map(BannerStage::as_str),
        [
            "pristine",
            "warning",
            "urgent",
            "expired",
            "complimentary",
            "paid",
            "past_due",
            "canceled",
        ]
    );
}

proptest! {
    #[test]
    fn days_are_counted_exactly_while_a_trial_runs(
        standing in standings(), now in 0..2 * HORIZON,
    ) {
        if let Some(banner) = trial_banner(&standing, at(now)) {
            let runs = matches!(banner.stage, Pristine | Warning | Urgent);
            prop_assert_eq!(banner.days_remaining.is_some(), runs);
            prop_assert_ne!(banner.days_remaining, Some(0));
        }
    }
}
