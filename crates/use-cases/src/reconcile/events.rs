//! Events that never arrived. Each that the provider lists and the inbox does not have goes through the
//! same door as one that was delivered, so that a lost one heals and a delivered one changes nothing.
//!
//! The cursor is the second up to which everything is in the inbox. The provider's list need not show
//! an event the moment it is made, so the last minutes are asked for again every time.

use std::time::Duration;

use thiserror::Error;
use tollgate_billing::Stamp;
use tollgate_primitives::Timestamp;

use super::{DriftKind, Run, Stop, slice::Slice};
use crate::{
    ports::{Notice, PaymentsError, Webhooks},
    receive_webhook::take_in,
};

/// How late an event may show up in the list.
const OVERLAP: Duration = Duration::from_mins(10);

/// How long the provider lists them (<https://docs.stripe.com/api/events>).
const LISTED: Duration = Duration::from_hours(30 * 24);

#[derive(Debug, Error)]
#[error("an event without id or type")]
struct Nameless;

pub(super) async fn look(run: &mut Run<'_>) -> Result<(), Stop> {
    let webhooks = run.app.webhooks.clone();
    let webhooks = webhooks.ok_or(PaymentsError::NotConfigured)?;
    let done: Option<i64> = run.position.as_ref().and_then(|second| second.parse().ok());
    let mut slice = Slice::since(first_second(done, run.now()));
    loop {
        run.claim_call().await?;
        let (from, until) = (slice.from, slice.until.map(Stamp::from_unix_seconds));
        let from = Stamp::from_unix_seconds(from);
        let page = run.app.payments.list_events(from, until, None).await?;
        let notices = read(run, webhooks.as_ref(), &page.bodies);
        let newest = notices.first().map(|notice| notice.stamp.unix_seconds());
        if page.has_more
            && let Some(half) = newest.and_then(|newest| slice.halved(newest))
        {
            slice = half;
            continue;
        }
        let count = notices.len();
        let mut oldest = notices.last().map(|notice| notice.id.clone());
        take_in_missing(run, notices).await?;
        let mut has_more = page.has_more;
        // More in one second than a page holds.
        while let (true, Some(after)) = (has_more, &oldest) {
            run.claim_call().await?;
            let page = run
                .app
                .payments
                .list_events(from, until, Some(after))
                .await?;
            let notices = read(run, webhooks.as_ref(), &page.bodies);
            oldest = notices.last().map(|notice| notice.id.clone());
            has_more = page.has_more;
            take_in_missing(run, notices).await?;
        }
        let done_now = slice.until.or(newest).unwrap_or(slice.from);
        run.advance(done.map_or(done_now, |done| done.max(done_now)).to_string())
            .await?;
        match slice.next(count) {
            Some(next) => slice = next,
            None => return Ok(()),
        }
    }
}

/// The first second to ask for, when everything up to `done` is in the inbox.
fn first_second(done: Option<i64>, now: Timestamp) -> i64 {
    let listed_since = now.saturating_sub(LISTED).unix_seconds();
    let overlap = i64::try_from(OVERLAP.as_secs()).unwrap_or_default();
    done.map_or(listed_since, |done| listed_since.max(done - overlap))
}

/// In the order they were listed; what has no name is left out.
fn read(run: &mut Run<'_>, webhooks: &dyn Webhooks, bodies: &[String]) -> Vec<Notice> {
    let mut notices = Vec::with_capacity(bodies.len());
    for body in bodies {
        match webhooks.read_stored(body) {
            Ok(notice) => notices.push(notice),
            Err(_) => run.report.failed("a page of events", &Nameless),
        }
    }
    notices
}

/// Takes in what the inbox does not have, the oldest first.
async fn take_in_missing(run: &mut Run<'_>, newest_first: Vec<Notice>) -> Result<(), Stop> {
    run.report.checked += u64::try_from(newest_first.len()).unwrap_or_default();
    let ids: Vec<_> = newest_first
        .iter()
        .map(|notice| notice.id.clone())
        .collect();
    let known = run.app.reconciliation.events_known(&ids).await?;
    for notice in newest_first.into_iter().rev() {
        if known.contains(&notice.id) {
            continue;
        }
        if !run.is_dry {
            run.prolong(None).await?;
            take_in(run.app, &notice, run.now()).await?;
            run.report.mended += 1;
        }
        let what = format!("event {} ({})", notice.id, notice.kind);
        run.report.found(DriftKind::LostEvent, what);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minutes_are_asked_for_again_and_nothing_older_than_is_listed() {
        let now = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
        let listed_since = 1_800_000_000 - 30 * 24 * 60 * 60;
        assert_eq!(first_second(None, now), listed_since);
        assert_eq!(first_second(Some(0), now), listed_since);
        assert_eq!(first_second(Some(1_799_999_999), now), 1_799_999_399);
    }
}
