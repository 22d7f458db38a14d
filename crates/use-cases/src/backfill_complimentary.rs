//! Gives many accounts complimentary access at once, as when billing is introduced to those who were
//! there before. Each account is a decision of its own, so that it can be broken off and run again.

use thiserror::Error;
use tollgate_billing::{Complimentary, GrantRefused};
use tollgate_primitives::{AccountId, UserId};

use crate::{App, GrantError, complimentary::grant, ports::StoreError};

/// Accounts that are looked at in one go.
const PAGE: u32 = 500;

/// Whom it is for.
#[derive(Debug, Clone)]
pub enum Recipients {
    These(Vec<AccountId>),
    /// Everybody who has no subscription, or the free plan; none of the test cohort.
    AllFree,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackfillReport {
    pub granted: u64,
    /// Complimentary before.
    pub skipped: u64,
    /// There is no such account.
    pub unknown: u64,
}

#[derive(Debug, Error)]
pub enum BackfillError {
    #[error(transparent)]
    Refused(#[from] GrantRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// With `dry_run` it only counts.
pub async fn backfill_complimentary(
    app: &App,
    actor: UserId,
    given: &Complimentary,
    recipients: &Recipients,
    dry_run: bool,
) -> Result<BackfillReport, BackfillError> {
    let mut report = BackfillReport::default();
    match recipients {
        Recipients::These(accounts) => {
            for account in accounts {
                give(app, actor, *account, given, (dry_run, &mut report)).await?;
            }
        }
        Recipients::AllFree => {
            let mut last = None;
            loop {
                let page = app.store.free_accounts(last, PAGE).await?;
                let Some(end) = page.last().copied() else {
                    break;
                };
                for account in page {
                    give(app, actor, account, given, (dry_run, &mut report)).await?;
                }
                last = Some(end);
            }
        }
    }
    Ok(report)
}

async fn give(
    app: &App,
    actor: UserId,
    account: AccountId,
    given: &Complimentary,
    (dry_run, report): (bool, &mut BackfillReport),
) -> Result<(), BackfillError> {
    match grant(app, actor, account, given, dry_run).await {
        Ok(()) => report.granted += 1,
        Err(GrantError::Refused(GrantRefused::AlreadyComplimentary)) => report.skipped += 1,
        Err(GrantError::UnknownAccount) => report.unknown += 1,
        Err(GrantError::Refused(refused)) => return Err(refused.into()),
        Err(GrantError::Store(error)) => return Err(error.into()),
    }
    Ok(())
}
