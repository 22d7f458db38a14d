use futures_util::future::join_all;
use tollgate_identity::{CodeEnd, InviteCode, Terms};
use tollgate_primitives::InviteCodeId;
use tollgate_use_cases::ports::{InviteCodes, NewInviteCode, Revoked, Store};
use uuid::Uuid;

use crate::support::{Bench, bench, email, hash, later, now, plan, user};

fn id(n: u8) -> InviteCodeId {
    InviteCodeId::from_uuid(Uuid::from_u128(u128::from(n)))
}

fn code(n: u8) -> NewInviteCode {
    NewInviteCode {
        id: id(n),
        hash: hash(n),
        code: InviteCode {
            terms: Terms {
                plan: plan("starter"),
                trial_days: Some(30),
            },
            email: None,
            expires_at: None,
            end: None,
        },
        note: None,
        created_by: user(1),
    }
}

async fn insert(bench: &Bench, code: &NewInviteCode) -> bool {
    let mut tx = bench.begin().await;
    let inserted = tx.insert_invite_code(code, now()).await.unwrap();
    tx.commit().await.unwrap();
    inserted
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_claims_at_once_one_has_the_code() {
    let bench = bench("invite_race").await;
    bench.sign_up(1).await;
    assert!(insert(&bench, &code(1)).await);
    let tries = (0..50).map(|_| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let (hash, email) = (hash(1), email(1));
            let claim = tx.claim_invite_code(&hash, &email, user(1), now());
            let claimed = claim.await.unwrap();
            tx.commit().await.unwrap();
            claimed
        })
    });
    let claimed: Vec<_> = join_all(tries)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(claimed, [code(1).code.terms]);
    let found = bench.store.invite_code(&hash(1)).await.unwrap().unwrap();
    let used = CodeEnd::Used {
        by: Some(user(1)),
        at: now(),
    };
    assert_eq!(found.end, Some(used));
}

#[tokio::test]
async fn a_code_is_claimed_by_its_address_before_its_end() {
    let bench = bench("invite_guards").await;
    bench.sign_up(1).await;
    let mut bound = code(1);
    bound.code.email = Some(email(1));
    bound.code.expires_at = Some(later(1));
    assert!(insert(&bench, &bound).await);
    let claim = async |n, at| {
        let mut tx = bench.store.begin().await.unwrap();
        tx.claim_invite_code(&hash(1), &email(n), user(1), at)
            .await
            .unwrap()
    };
    assert_eq!(claim(2, now()).await, None);
    assert_eq!(claim(1, later(1)).await, None);
    // Dropped, so that it is there again.
    assert_eq!(claim(1, now()).await, Some(bound.code.terms.clone()));
    assert_eq!(
        bench.store.invite_code(&hash(1)).await.unwrap(),
        Some(bound.code)
    );
    assert_eq!(bench.store.invite_code(&hash(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_code_is_taken_back_once_and_never_after_it_was_used() {
    let bench = bench("invite_revoked").await;
    bench.sign_up(1).await;
    for n in [1, 2] {
        assert!(insert(&bench, &code(n)).await);
    }
    let mut tx = bench.begin().await;
    for expected in [Revoked::Now, Revoked::Before] {
        assert_eq!(
            tx.revoke_invite_code(id(1), now()).await.unwrap(),
            Some(expected)
        );
    }
    let mut claim = async |n| {
        tx.claim_invite_code(&hash(n), &email(1), user(1), now())
            .await
            .unwrap()
    };
    assert_eq!(claim(1).await, None);
    assert_eq!(claim(2).await, Some(code(2).code.terms));
    assert_eq!(
        tx.revoke_invite_code(id(2), now()).await.unwrap(),
        Some(Revoked::Used)
    );
    assert_eq!(tx.revoke_invite_code(id(3), now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_code_is_for_a_plan_of_the_catalog_that_is_not_archived() {
    let bench = bench("invite_plans").await;
    bench.sign_up(1).await;
    bench
        .run("UPDATE plan_billing SET is_archived = true WHERE plan = 'pro'")
        .await;
    for unknown in ["pro", "platinum"] {
        let mut code = code(1);
        code.code.terms.plan = plan(unknown);
        assert!(!insert(&bench, &code).await, "{unknown}");
    }
    assert_eq!(bench.count("invite_codes").await, 0);
}
