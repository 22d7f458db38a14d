use futures_util::future::join_all;
use tollgate_identity::session::ABSOLUTE_LIFE;
use tollgate_use_cases::ports::{NewRefreshToken, Sessions, Store};

use crate::support::{
    account, at, bench, email, hash, later, now, refresh_token, session, token, user,
};

#[tokio::test]
async fn a_session_names_its_caller_until_it_ends() {
    let bench = bench("caller").await;
    bench.sign_up(1).await;
    let caller = bench
        .store
        .caller(session(1), account(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (caller.user, caller.account, caller.session),
        (user(1), account(1), session(1))
    );
    assert_eq!(caller.role.as_str(), "owner");
    assert_eq!(
        (caller.email_verified_at, caller.user_created_at),
        (None, now())
    );
    assert!(!caller.is_super_admin);

    let one = Sessions::One(session(1));
    for (whose, ended) in [(user(2), 0), (user(1), 1), (user(1), 0)] {
        let end = bench.store.end_sessions(whose, one, "sign_out", at(1));
        assert_eq!(end.await.unwrap(), ended);
    }
    assert_eq!(
        bench.store.caller(session(1), account(1)).await.unwrap(),
        None
    );
    assert_eq!(
        bench.store.user(session(1), account(1)).await.unwrap(),
        None
    );
    assert_eq!(
        bench
            .count("audit_log WHERE action = 'session_ended' AND detail ->> 'cause' = 'sign_out'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_session_says_nothing_about_an_account_its_person_has_left_or_never_joined() {
    let bench = bench("stranger").await;
    bench.sign_up(1).await;
    bench.sign_up(2).await;
    let store = &bench.store;
    assert_eq!(store.caller(session(1), account(2)).await.unwrap(), None);
    for count_seats in [None, Some(now())] {
        let facts = store.account_facts(session(1), account(2), count_seats);
        assert_eq!(facts.await.unwrap(), None);
    }
    assert_eq!(store.user(session(1), account(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_refresh_token_leads_to_its_successor_once() {
    let bench = bench("rotate").await;
    bench.sign_up(1).await;
    let rotated = bench
        .store
        .rotate_refresh(&hash(1), &refresh_token(2), at(5))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (rotated.user, rotated.session, rotated.account),
        (user(1), session(1), account(1))
    );
    assert_eq!(rotated.state.used_at, Some(at(5)));
    assert_eq!(rotated.state.session_started_at, now());

    let again = bench
        .store
        .rotate_refresh(&hash(1), &refresh_token(3), at(6))
        .await;
    assert_eq!(again.unwrap(), None);
    let used = bench.store.refresh_row(&hash(1)).await.unwrap().unwrap();
    assert_eq!(used, rotated);
    let successor = bench.store.refresh_row(&hash(2)).await.unwrap().unwrap();
    assert_eq!(successor.state.used_at, None);
    assert_eq!(successor.state.expires_at, later(30));
    assert_eq!(bench.store.refresh_row(&hash(3)).await.unwrap(), None);
    assert_eq!(
        bench
            .count("auth_sessions WHERE last_active > created_at")
            .await,
        1
    );

    bench
        .store
        .rotate_refresh(&hash(2), &refresh_token(4), at(7))
        .await
        .unwrap()
        .unwrap();
    let first = bench.store.refresh_row(&hash(1)).await.unwrap().unwrap();
    assert!(first.state.successor_used);
}

#[tokio::test]
async fn a_refresh_token_that_is_over_leads_nowhere() {
    let bench = bench("rotate_over").await;
    bench.sign_up(1).await;
    let store = &bench.store;
    let expired = store
        .rotate_refresh(&hash(1), &refresh_token(2), later(30))
        .await;
    assert_eq!(expired.unwrap(), None);
    let unknown = store
        .rotate_refresh(&hash(9), &refresh_token(2), at(1))
        .await;
    assert_eq!(unknown.unwrap(), None);
    let all = store.end_sessions(user(1), Sessions::All, "reuse", at(1));
    assert_eq!(all.await.unwrap(), 1);
    let revoked = store
        .rotate_refresh(&hash(1), &refresh_token(2), at(2))
        .await;
    assert_eq!(revoked.unwrap(), None);
    let row = store.refresh_row(&hash(1)).await.unwrap().unwrap();
    assert!(row.state.session_revoked);
}

#[tokio::test]
async fn a_successor_never_outlives_the_session() {
    let bench = bench("absolute").await;
    bench.sign_up(1).await;
    let endless = NewRefreshToken {
        expires_at: later(1000),
        ..refresh_token(2)
    };
    bench
        .store
        .rotate_refresh(&hash(1), &endless, at(1))
        .await
        .unwrap()
        .unwrap();
    let successor = bench.store.refresh_row(&hash(2)).await.unwrap().unwrap();
    assert_eq!(
        successor.state.expires_at,
        now().saturating_add(ABSOLUTE_LIFE)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_tabs_at_once_rotate_a_token_once() {
    let bench = bench("rotate_race").await;
    bench.sign_up(1).await;
    let tries = (0..50).map(|n| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            let successor = NewRefreshToken {
                id: token(100 + n),
                hash: hash(100 + n),
                expires_at: later(30),
            };
            store
                .rotate_refresh(&hash(1), &successor, at(1))
                .await
                .unwrap()
        })
    });
    let won = join_all(tries)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .count();
    assert_eq!(won, 1);
    assert_eq!(bench.count("refresh_tokens").await, 2);
}

#[tokio::test]
async fn credentials_carry_the_providers_a_person_signs_in_with() {
    let bench = bench("credentials").await;
    bench.sign_up(1).await;
    bench
        .run(
            "INSERT INTO oauth_identities (user_id, provider, issuer, provider_subject, created_at)
             SELECT id, provider, 'https://issuer.example', provider, now()
             FROM users, unnest(ARRAY['microsoft', 'google']) provider",
        )
        .await;
    let found = bench.store.credentials(&email(1)).await.unwrap().unwrap();
    assert_eq!((found.user, found.account), (user(1), Some(account(1))));
    assert_eq!(found.password.unwrap().0, "hash-1");
    assert_eq!(found.providers, ["google", "microsoft"]);
    assert_eq!(bench.store.credentials(&email(2)).await.unwrap(), None);
}
