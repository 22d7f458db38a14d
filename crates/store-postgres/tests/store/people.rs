use futures_util::future::join_all;
use tollgate_identity::Purpose;
use tollgate_primitives::JobKey;
use tollgate_use_cases::ports::{
    AuditEntry, Job, JobKind, NewSession, NewUser, OneTimeToken, PasswordHash, Sessions, Store,
};

use crate::support::{
    account, account_row, at, bench, email, hash, later, new_session, now, person, refresh_token,
    session, token, user,
};

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    let bench = bench("dropped").await;
    let mut tx = bench.begin().await;
    tx.insert_user(&person(1), now()).await.unwrap();
    let kind = JobKind::MailVerification {
        user: user(1),
        token: token(1),
    };
    tx.enqueue(&Job::now(JobKey::new("mail-verification", 1), kind))
        .await
        .unwrap();
    drop(tx);
    assert_eq!(bench.store.credentials(&email(1)).await.unwrap(), None);
    assert_eq!(bench.count("users").await, 0);
    assert_eq!(bench.count("graphile_worker.jobs").await, 0);
}

#[tokio::test]
async fn a_person_shows_with_every_membership() {
    let bench = bench("person").await;
    bench.sign_up(1).await;
    bench.sign_up(2).await;
    bench
        .run(
            "INSERT INTO memberships (account_id, user_id, role, created_at)
              SELECT a.id, u.id, 'viewer', u.created_at + interval '1 day' FROM accounts a, users u
              WHERE a.name = 'Account 2' AND u.name = 'Person 1'",
        )
        .await;
    let shown = bench
        .store
        .user(session(1), account(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (shown.id, shown.email, shown.name.as_str()),
        (user(1), email(1), "Person 1")
    );
    assert_eq!(
        (shown.account, shown.account_role.as_str()),
        (account(1), "owner")
    );
    let memberships: Vec<_> = shown
        .memberships
        .iter()
        .map(|m| (m.account, m.account_name.as_str(), m.role.as_str()))
        .collect();
    assert_eq!(
        memberships,
        [
            (account(1), "Account 1", "owner"),
            (account(2), "Account 2", "viewer")
        ]
    );
    assert_eq!(shown.onboarding_step_completed, 0);
    assert_eq!(shown.created_at, now());
    let elsewhere = bench
        .store
        .user(session(1), account(2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(elsewhere.account_role.as_str(), "viewer");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ups_with_one_address_make_one_person() {
    let bench = bench("sign_up_race").await;
    let tries = (1..=50).map(|n| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let same = NewUser {
                email: email(0),
                ..person(n)
            };
            let inserted = tx.insert_user(&same, now()).await.unwrap();
            if inserted {
                tx.insert_account(&account_row(n), user(n), now())
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            }
            inserted
        })
    });
    let won = join_all(tries)
        .await
        .into_iter()
        .filter(|won| *won.as_ref().unwrap())
        .count();
    assert_eq!(won, 1);
    assert_eq!(
        (bench.count("users").await, bench.count("accounts").await),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_claims_on_one_mailbox_get_one_trial() {
    let bench = bench("trial_race").await;
    let tries = (0..50).map(|_| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let claimed = tx.claim_trial(&hash(1), now()).await.unwrap();
            tx.commit().await.unwrap();
            claimed
        })
    });
    let won = join_all(tries)
        .await
        .into_iter()
        .filter(|won| *won.as_ref().unwrap())
        .count();
    assert_eq!(won, 1);
    let mut tx = bench.begin().await;
    assert!(!tx.claim_trial(&hash(1), at(1)).await.unwrap());
    assert!(tx.claim_trial(&hash(2), at(1)).await.unwrap());
}

#[tokio::test]
async fn a_better_hash_never_undoes_a_password_change() {
    let bench = bench("rehash").await;
    bench.sign_up(1).await;
    let hash = |text: &str| PasswordHash(text.to_owned());
    let mut tx = bench.begin().await;
    let (old, better, late) = (hash("hash-1"), hash("better"), hash("late"));
    assert!(tx.replace_password(user(1), &old, &better).await.unwrap());
    assert!(!tx.replace_password(user(1), &old, &late).await.unwrap());
    tx.commit().await.unwrap();
    let found = bench.store.credentials(&email(1)).await.unwrap().unwrap();
    assert_eq!(found.password.unwrap().0, "better");
}

#[tokio::test]
async fn t22_a_session_that_begins_by_the_old_password_does_not_outlive_its_change() {
    let bench = bench("password_race").await;
    bench.sign_up(1).await;
    let hash = |text: &str| PasswordHash(text.to_owned());
    let (old, new) = (hash("hash-1"), hash("new"));

    // The sign-in holds the password first: the change waits, and ends its session.
    let mut sign_in = bench.begin().await;
    assert!(sign_in.hold_password(user(1), &old).await.unwrap());
    let change = {
        let (store, old, new) = (bench.store.clone(), old.clone(), new.clone());
        tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let changed = tx.replace_password(user(1), &old, &new).await.unwrap();
            let all = Sessions::All;
            let ended = tx.end_sessions(user(1), all, "password_changed", at(1));
            let ended = ended.await.unwrap();
            tx.commit().await.unwrap();
            (changed, ended)
        })
    };
    bench.until_one_waits().await;
    let session = NewSession {
        id: session(2),
        ..new_session(1)
    };
    let refresh = refresh_token(2);
    let begun = sign_in.insert_session(&session, &refresh, now()).await;
    assert!(begun.unwrap());
    sign_in.commit().await.unwrap();
    assert_eq!(change.await.unwrap(), (true, 2));

    // The change comes first: the sign-in finds another password.
    let mut sign_in = bench.begin().await;
    assert!(!sign_in.hold_password(user(1), &old).await.unwrap());
    assert!(sign_in.hold_password(user(1), &new).await.unwrap());
    assert!(!sign_in.hold_password(user(2), &new).await.unwrap());
}

#[tokio::test]
async fn a_mailbox_tells_whether_it_is_proven() {
    let bench = bench("mailbox").await;
    bench.sign_up(1).await;
    let mut tx = bench.begin().await;
    let verification = OneTimeToken {
        purpose: Purpose::Verify,
        id: token(1),
        user: user(1),
        hash: hash(1),
        expires_at: later(1),
    };
    tx.insert_one_time(&verification, now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        bench
            .count("one_time_tokens WHERE purpose = 'verify' AND consumed_at IS NULL")
            .await,
        1
    );
    let (address, name, proven) = bench.store.mailbox(user(1)).await.unwrap().unwrap();
    assert_eq!(
        (address, name.as_str(), proven),
        (email(1), "Person 1", None)
    );
    assert_eq!(bench.store.mailbox(user(2)).await.unwrap(), None);
}

#[tokio::test]
async fn billing_mail_goes_to_owners_and_admins_of_real_accounts() {
    let bench = bench("contacts").await;
    bench.sign_up(1).await;
    bench.sign_up(2).await;
    bench.sign_up(3).await;
    bench
        .run(
            "INSERT INTO memberships (account_id, user_id, role, created_at)
              SELECT a.id, u.id, CASE u.name WHEN 'Person 2' THEN 'admin' ELSE 'engineer' END, now()
              FROM accounts a, users u WHERE a.name = 'Account 1' AND u.name <> 'Person 1'",
        )
        .await;
    let contacts = async || {
        let mut tx = bench.store.begin().await.unwrap();
        tx.billing_contacts(account(1)).await.unwrap()
    };
    let contact = async |n| {
        bench
            .store
            .billing_contact(account(1), user(n))
            .await
            .unwrap()
    };
    assert_eq!(contacts().await, [user(1), user(2)]);
    assert_eq!(contact(2).await, Some(("Account 1".to_owned(), email(2))));
    assert_eq!(contact(3).await, None);
    bench.run("UPDATE accounts SET is_test_cohort = true").await;
    assert_eq!(contacts().await, []);
    assert_eq!(contact(1).await, None);
}

#[tokio::test]
async fn a_job_waits_once_under_its_key() {
    let bench = bench("jobs").await;
    let job = |days| Job {
        run_at: Some(later(days)),
        ..Job::now(
            JobKey::new("mail-verification", 1),
            JobKind::MailVerification {
                user: user(1),
                token: token(1),
            },
        )
    };
    let mut tx = bench.begin().await;
    tx.enqueue(&job(1)).await.unwrap();
    tx.enqueue(&job(2)).await.unwrap();
    tx.commit().await.unwrap();
    let (task, payload, max, run_at): (String, serde_json::Value, i32, bool) = sqlx::query_as(
        "SELECT t.identifier, j.payload, j.max_attempts::int4, j.run_at = to_timestamp($1)
         FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id",
    )
    .bind(i32::try_from(later(2).unix_seconds()).unwrap())
    .fetch_one(&bench.sql)
    .await
    .unwrap();
    assert_eq!(
        (task.as_str(), max, run_at),
        ("mail_verification", 25, true)
    );
    let kind: JobKind = serde_json::from_value(payload.clone()).unwrap();
    assert_eq!(kind, job(2).kind);
    assert_eq!(payload["key"], "mail-verification:1");
}

#[tokio::test]
async fn the_audit_log_keeps_who_did_what_to_whom() {
    let bench = bench("audit_entry").await;
    let entry = AuditEntry {
        actor: Some(user(1)),
        account: Some(account(1)),
        action: "plan_set",
        detail: serde_json::json!({"plan": "pro"}),
    };
    let mut tx = bench.begin().await;
    tx.audit(&entry, now()).await.unwrap();
    tx.commit().await.unwrap();
    let kept = "audit_log WHERE action = 'plan_set' AND actor_id IS NOT NULL AND account_id IS NOT NULL \
                AND detail = '{\"plan\": \"pro\"}'";
    assert_eq!(bench.count(kept).await, 1);
}

#[tokio::test]
async fn fifty_links_asked_for_at_once_leave_one_that_works() {
    let bench = bench("links").await;
    bench.sign_up(1).await;
    let ask = |nth: u8| {
        let bench = &bench;
        async move {
            let link = OneTimeToken {
                id: token(nth),
                purpose: Purpose::Reset,
                user: user(1),
                hash: hash(nth),
                expires_at: later(1),
            };
            let mut tx = bench.begin().await;
            tx.insert_one_time(&link, now()).await.unwrap();
            // A job that runs again neither makes it anew nor ends a newer one.
            tx.insert_one_time(&link, now()).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    join_all((100..150).map(ask)).await;
    let living = "one_time_tokens WHERE purpose = 'reset' AND consumed_at IS NULL";
    assert_eq!(bench.count(living).await, 1);
    let used = join_all((100..150).map(async |nth| {
        let mut tx = bench.begin().await;
        let user = tx.consume_one_time(&hash(nth), Purpose::Reset, now()).await;
        tx.commit().await.unwrap();
        user.unwrap()
    }));
    assert_eq!(used.await.into_iter().flatten().count(), 1);
}
