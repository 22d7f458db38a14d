//! The whole story of one customer: sign up, try, pay, pass the gate, owe, leave.

use crate::world::{DAY, Person, World};

struct Story {
    world: World,
    ada: Person,
    told: Vec<String>,
}

impl Story {
    /// Notes how things stand, at the gate and in the account's own view, and what mails came.
    async fn tell(&mut self, what: &str) {
        self.world.sign_in(&mut self.ada).await;
        let gate = self.world.get("/gate").by(&self.ada).send().await;
        let standing = self.world.standing(&self.ada).await;
        let mails = self.world.mails_to(&self.ada.email);
        let last = mails
            .last()
            .and_then(|mail| mail.lines().next())
            .unwrap_or_default();
        self.told.push(format!(
            "== {what} ({})\nstate: {standing}\nmails: {}, the last: {last}\ngate: {gate}",
            self.world.now(),
            mails.len(),
        ));
    }

    async fn pass(&mut self, days: u32, what: &str) {
        self.world.advance(DAY * days).await;
        self.tell(what).await;
    }
}

#[tokio::test]
async fn a_person_tries_pays_owes_and_leaves() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let mut story = Story {
        world,
        ada,
        told: Vec::new(),
    };
    story.tell("signed up").await;
    story.world.verify(&story.ada).await;
    // The card is fine to be saved, and fails whenever it is charged.
    story
        .world
        .buy_with(&story.ada, "pro", "4242424242424242")
        .await;
    story.tell("bought during the trial").await;
    story
        .pass(15, "the trial is over and the first month is paid")
        .await;
    story
        .world
        .replace_card(&story.ada, "4000000000000341")
        .await;
    story.pass(31, "the renewal's charge fails").await;
    story.pass(4, "the second attempt fails").await;
    story.pass(4, "the third attempt fails").await;
    story.pass(7, "every attempt has failed").await;
    insta::assert_snapshot!(story.told.join("\n\n"), @r#"
    == signed up (2027-01-04T09:00:00Z)
    state: trialing pro by trial
    mails: 1, the last: Confirm your e-mail address for Tollgate
    gate: 204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: trial

    == bought during the trial (2027-01-04T09:00:00Z)
    state: trialing pro by trial
    mails: 1, the last: Confirm your e-mail address for Tollgate
    gate: 204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: trial

    == the trial is over and the first month is paid (2027-01-19T09:00:00Z)
    state: active pro by paid
    mails: 1, the last: Confirm your e-mail address for Tollgate
    gate: 204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: paid

    == the renewal's charge fails (2027-02-19T09:00:00Z)
    state: past_due pro by grace
    mails: 2, the last: Your payment for Tollgate did not go through
    gate: 204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: grace

    == the second attempt fails (2027-02-23T09:00:00Z)
    state: past_due pro by grace
    mails: 3, the last: Your payment for Tollgate did not go through
    gate: 204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: grace

    == the third attempt fails (2027-02-27T09:00:00Z)
    state: past_due pro by grace
    mails: 4, the last: Your payment for Tollgate did not go through
    gate: 204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: grace

    == every attempt has failed (2027-03-06T09:00:00Z)
    state: canceled pro by read_only
    mails: 5, the last: Your payment for Tollgate did not go through
    gate: 402
    {
      "detail": {
        "current_period_end": "2027-03-18T09:00:00Z",
        "error": "subscription_inactive",
        "message": "The subscription is over; pick a plan to go on.",
        "plan": "pro",
        "status": "canceled",
        "upgrade_url": "/account/billing/select-plan"
      }
    }
    "#);
    let mails = story.world.mails_to(&story.ada.email);
    insta::assert_snapshot!(mails.join("\n\n---\n\n"), @r"
    Confirm your e-mail address for Tollgate

    Hello Ada,

    Please confirm that this address is yours, so that nobody else can use it with Tollgate. The link works once, for 24 hours.

    Confirm the address:
    http://app.test/verify-email?token=[token]

    If you did not sign up, you need not do anything.

    -- 
    Tollgate

    ---

    Your payment for Tollgate did not go through

    Hello,

    The last payment for Ada did not go through. It will be tried again on 21 February 2027, 09:00 UTC.

    Please check the payment method, so that your team keeps its access.

    Check the payment method:
    http://app.test/account/billing

    You receive this as an owner or admin of the account.

    -- 
    Tollgate

    ---

    Your payment for Tollgate did not go through

    Hello,

    The last payment for Ada did not go through. It will be tried again on 26 February 2027, 09:00 UTC.

    Please check the payment method, so that your team keeps its access.

    Check the payment method:
    http://app.test/account/billing

    You receive this as an owner or admin of the account.

    -- 
    Tollgate

    ---

    Your payment for Tollgate did not go through

    Hello,

    The last payment for Ada did not go through. It will be tried again on 5 March 2027, 09:00 UTC.

    Please check the payment method, so that your team keeps its access.

    Check the payment method:
    http://app.test/account/billing

    You receive this as an owner or admin of the account.

    -- 
    Tollgate

    ---

    Your payment for Tollgate did not go through

    Hello,

    The last payment for Ada did not go through. It will not be tried again by itself.

    Please check the payment method, so that your team keeps its access.

    Check the payment method:
    http://app.test/account/billing

    You receive this as an owner or admin of the account.

    -- 
    Tollgate
    ");
}

#[tokio::test]
async fn whoever_owes_and_pays_is_active_again() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy_with(&ada, "pro", "4000000000000341").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "past_due pro by grace");
    assert_eq!(world.get("/gate").by(&ada).send().await.status, 204);
    world.replace_card(&ada, "4242424242424242").await;
    world.advance(DAY * 4).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
}

#[tokio::test]
async fn a_declined_card_buys_nothing_and_the_page_stays_open() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    let choice = crate::world::monthly("pro", 1);
    let opened = world.open_checkout(&ada, &choice).await.ok(200);
    let page = opened["url"].as_str().unwrap();
    let paid = world
        .fetch(reqwest::Method::POST, page)
        .form(&[("card", "4000000000000002")]);
    assert_eq!(paid.send().await.status, 402);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "trialing pro by read_only");
    let paid = world
        .fetch(reqwest::Method::POST, page)
        .form(&[("card", "4242424242424242")]);
    assert_eq!(paid.send().await.status, 303);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
}
