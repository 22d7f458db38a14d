//! A change of a running subscription: written down, carried out at the provider, and stored as the
//! provider then describes it. One at a time for each account, so that what is stored and what the
//! provider has agree whoever asks for what at once. A change that nobody saw through is finished by a
//! job, or by whoever wants the next one.

use std::time::Duration;

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{
    Customer, Event, Outcome, Snapshot, Subscription, SubscriptionId,
    change::{Change, ChangeRefused},
    transition,
};
use tollgate_primitives::{AccountId, ChangeId, JobKey, Timestamp};

use crate::{
    App, BillingState, BillingStateError,
    billing_state::state_of,
    end_subscription::order_if_suspended,
    ports::{
        AuditEntry, Caller, Changed, Described, Job, JobKind, LockedAccount, PaymentsError,
        StoreError, SubscriptionChange, Transaction, Version,
    },
};

/// When a job looks after a change. Whoever asked for it has been answered by then.
const LOOK_AFTER: Duration = Duration::from_secs(30);

/// A move that could not be made within this time is not made any more: nobody expects its charge then.
const MOVE_LIFE: Duration = Duration::from_hours(1);

/// How many other changes are let go first, and how often the provider is asked anew because something
/// was stored meanwhile.
const PATIENCE: u32 = 5;

#[derive(Debug, Error)]
pub enum ChangeError {
    #[error(transparent)]
    Refused(#[from] ChangeRefused),
    #[error("the difference could not be charged")]
    Declined,
    #[error("other changes of the subscription are under way")]
    Busy,
    /// A job sees to it that the change is carried out, if it was not.
    #[error("the provider has not answered yet")]
    Outstanding(#[source] PaymentsError),
    #[error("the account is gone")]
    AccountGone,
    #[error(transparent)]
    Payments(PaymentsError),
    #[error(transparent)]
    State(#[from] BillingStateError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An open change, with which writing of the subscription was seen when it was found.
struct Begun {
    account: AccountId,
    change: SubscriptionChange,
    seen: Option<Version>,
}

/// Whose turn it is.
enum Turn {
    Ours(Begun),
    /// Another change comes first.
    Others(Begun),
}

/// How carrying out ended, where it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Declined,
    /// Not carried out: the subscription is not what it was taken for.
    Overtaken,
}

/// What the provider says of the subscription.
enum Word {
    Unasked,
    Said(Customer, Snapshot),
    /// Nothing that can be stored.
    Nothing,
}

enum Settled {
    Closed {
        is_done: bool,
        is_moved: bool,
    },
    /// Somebody else closed the change.
    Before,
}

/// Carries out what `decide` allows; answers what the account has then.
pub(crate) async fn change_subscription<D>(
    app: &App,
    caller: &Caller,
    decide: D,
) -> Result<BillingState, ChangeError>
where
    D: Fn(&LockedAccount, Timestamp) -> Result<(SubscriptionId, Change), ChangeRefused>,
{
    for _ in 0..PATIENCE {
        match reserve(app, caller, &decide).await? {
            Turn::Others(begun) => match carry_out(app, begun).await {
                // How another change ended is told to whoever asked for it.
                Ok(_) | Err(ChangeError::Payments(_)) => {}
                Err(error) => return Err(error),
            },
            Turn::Ours(begun) => match carry_out(app, begun).await? {
                End::Done => return Ok(state_of(app, caller.session, caller.account).await?),
                End::Declined => return Err(ChangeError::Declined),
                End::Overtaken => {}
            },
        }
    }
    Err(ChangeError::Busy)
}

/// Finishes a change unless somebody has.
pub(crate) async fn finish_change(
    app: &App,
    account: AccountId,
    change: ChangeId,
) -> Result<(), ChangeError> {
    let mut tx = app.store.begin().await?;
    let Some(locked) = tx.lock_account(account).await? else {
        return Ok(());
    };
    let open = tx.open_change(account).await?;
    drop(tx);
    if let Some(change) = open.filter(|open| open.id == change) {
        let begun = Begun {
            account,
            change,
            seen: locked.version,
        };
        carry_out(app, begun).await?;
    }
    Ok(())
}

/// Decides and writes the intent down, or finds it open, or finds another.
async fn reserve<D>(app: &App, caller: &Caller, decide: &D) -> Result<Turn, ChangeError>
where
    D: Fn(&LockedAccount, Timestamp) -> Result<(SubscriptionId, Change), ChangeRefused>,
{
    let now = app.clock.now();
    let account = caller.account;
    let mut tx = app.store.begin().await?;
    let locked = tx
        .lock_account(account)
        .await?
        .ok_or(ChangeError::AccountGone)?;
    let decided = decide(&locked, now);
    let seen = locked.version;
    if let Some(change) = tx.open_change(account).await? {
        let is_ours = matches!(&decided, Ok((_, wanted)) if *wanted == change.change);
        let begun = Begun {
            account,
            change,
            seen,
        };
        return Ok(if is_ours {
            Turn::Ours(begun)
        } else {
            Turn::Others(begun)
        });
    }
    let (subscription, change) = decided?;
    let change = SubscriptionChange {
        id: ChangeId::from_uuid(app.entropy.uuid(now)),
        subscription,
        change,
        requested_by: caller.user,
        requested_at: now,
    };
    tx.insert_change(account, &change).await?;
    tx.enqueue(&look_after(account, &change)).await?;
    tx.commit().await?;
    Ok(Turn::Ours(Begun {
        account,
        change,
        seen,
    }))
}

fn look_after(account: AccountId, change: &SubscriptionChange) -> Job {
    let kind = JobKind::FinishChange {
        account,
        change: change.id,
    };
    Job {
        key: JobKey::new("finish-change", change.id),
        kind,
        run_at: Some(change.requested_at.saturating_add(LOOK_AFTER)),
    }
}

/// Tells the provider and stores what came of it. Whoever does this a second time, at once or later,
/// does it under the same key.
async fn carry_out(app: &App, begun: Begun) -> Result<End, ChangeError> {
    let change = &begun.change;
    if is_lapsed(change, app.clock.now()) {
        let settled = settle(app, &begun, Word::Unasked, None).await?;
        return Ok(match settled {
            Settled::Closed { is_done: true, .. } => End::Done,
            Settled::Closed { is_done: false, .. } | Settled::Before => End::Overtaken,
        });
    }
    let key = JobKey::new("change-subscription", change.id);
    let told = app
        .payments
        .change_subscription(&key, &change.subscription, &change.change)
        .await;
    match told {
        Ok(Changed::Now(customer, described)) => {
            let word = in_catalog(app, customer, described).await?;
            settle(app, &begun, word, Some(true)).await?;
            Ok(End::Done)
        }
        Ok(Changed::Before) => {
            settle(app, &begun, Word::Unasked, Some(true)).await?;
            Ok(End::Done)
        }
        Ok(Changed::Declined) => {
            settle(app, &begun, Word::Nothing, Some(false)).await?;
            Ok(End::Declined)
        }
        Err(error) => not_told(app, &begun, error).await,
    }
}

fn is_lapsed(change: &SubscriptionChange, now: Timestamp) -> bool {
    match change.change {
        Change::Move(_) => now.since(change.requested_at) > MOVE_LIFE,
        Change::Cancel | Change::Keep => false,
    }
}

async fn not_told(app: &App, begun: &Begun, error: PaymentsError) -> Result<End, ChangeError> {
    match error {
        PaymentsError::Refused { .. } => {
            match settle(app, begun, Word::Unasked, Some(false)).await? {
                Settled::Closed { is_moved: true, .. } => Ok(End::Overtaken),
                Settled::Closed { .. } | Settled::Before => Err(ChangeError::Payments(error)),
            }
        }
        // It may have been carried out before it failed; only the subscription shows that.
        PaymentsError::KeySpent(_) => match settle(app, begun, Word::Unasked, None).await? {
            Settled::Closed { is_done: true, .. } => Ok(End::Done),
            Settled::Closed { .. } => Err(ChangeError::Payments(error)),
            Settled::Before => Err(ChangeError::Busy),
        },
        PaymentsError::Unavailable { .. } | PaymentsError::Unreadable { .. } => {
            Err(ChangeError::Outstanding(error))
        }
        PaymentsError::NotConfigured => Err(ChangeError::Payments(error)),
    }
}

/// Closes the change and stores what the provider says of the subscription, in one transaction. `None`
/// for whether it is done: as the subscription shows.
///
/// An answer may be older than what was stored since it was asked for; then it is asked for anew.
async fn settle(
    app: &App,
    begun: &Begun,
    mut word: Word,
    is_done: Option<bool>,
) -> Result<Settled, ChangeError> {
    let mut seen = begun.seen;
    for _ in 0..PATIENCE {
        let now = app.clock.now();
        let mut tx = app.store.begin().await?;
        let Some(locked) = tx.lock_account(begun.account).await? else {
            return Ok(Settled::Before);
        };
        let open = tx.open_change(begun.account).await?;
        if open.is_none_or(|open| open.id != begun.change.id) {
            return Ok(Settled::Before);
        }
        let next = next_state(&locked, &word, now);
        let is_old = next.is_some() && locked.version != seen;
        if !matches!(word, Word::Unasked) && !is_old {
            let is_done = is_done.unwrap_or_else(|| is_met(&begun.change.change, &word));
            conclude(tx, begun, next.as_ref(), is_done, now).await?;
            return Ok(Settled::Closed {
                is_done,
                is_moved: next.is_some(),
            });
        }
        drop(tx);
        seen = locked.version;
        word = ask(app, &begun.change.subscription).await?;
    }
    Err(ChangeError::Busy)
}

/// What is to be stored of `word`, if anything. What it says of another customer, or of a subscription
/// that is not the account's, is not ours to conclude from.
fn next_state(locked: &LockedAccount, word: &Word, now: Timestamp) -> Option<Subscription> {
    let Word::Said(customer, snapshot) = word else {
        return None;
    };
    let current = locked.standing.subscription.as_ref();
    let stored = current.and_then(Subscription::bought)?;
    if locked.customer.as_ref() != Some(customer) || stored.subscription != snapshot.subscription {
        tracing::error!(account = %locked.id, subscription = %snapshot.subscription, "the provider told of another subscription");
        return None;
    }
    match transition(current, &Event::Read(snapshot.clone()), now) {
        Ok(Outcome::Moved { next, .. }) => Some(next),
        Ok(Outcome::Noticed(_) | Outcome::AlreadyApplied | Outcome::NeedsRead) | Err(_) => None,
    }
}

fn is_met(change: &Change, word: &Word) -> bool {
    match word {
        Word::Said(_, snapshot) => change.is_met_by(snapshot),
        Word::Unasked | Word::Nothing => false,
    }
}

async fn conclude(
    mut tx: Box<dyn Transaction>,
    begun: &Begun,
    next: Option<&Subscription>,
    is_done: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(next) = next {
        tx.put_subscription(begun.account, next, now).await?;
        // What is changed ran before, too.
        order_if_suspended(tx.as_mut(), begun.account, (Some(next), next), now).await?;
    }
    if is_done {
        tx.audit(&audit_entry(begun), now).await?;
    }
    tx.close_change(begun.change.id, is_done, now).await?;
    tx.commit().await
}

fn audit_entry(begun: &Begun) -> AuditEntry {
    let change = &begun.change;
    let (action, terms) = match &change.change {
        Change::Cancel => ("cancellation_scheduled", None),
        Change::Keep => ("cancellation_taken_back", None),
        Change::Move(terms) => ("terms_changed", Some(terms)),
    };
    AuditEntry {
        actor: Some(change.requested_by),
        account: Some(begun.account),
        action,
        detail: json!({
            "change": change.id,
            "subscription": change.subscription,
            "plan": terms.map(|terms| &terms.plan),
            "seats": terms.map(|terms| terms.seats),
            "interval": terms.map(|terms| terms.interval),
        }),
    }
}

async fn ask(app: &App, subscription: &SubscriptionId) -> Result<Word, ChangeError> {
    let read = app.payments.read_subscription(subscription).await;
    match read.map_err(ChangeError::Outstanding)? {
        Some((customer, described)) => Ok(in_catalog(app, customer, described).await?),
        None => Ok(Word::Nothing),
    }
}

async fn in_catalog(
    app: &App,
    customer: Customer,
    described: Described,
) -> Result<Word, StoreError> {
    let Some((plan, interval)) = app.store.price(&described.price).await? else {
        tracing::error!(price = %described.price, "the catalog has no such price");
        return Ok(Word::Nothing);
    };
    Ok(Word::Said(customer, described.in_catalog(plan, interval)))
}
