//! Lets newcomers in, whichever way they prove who they are: asked before anything is hashed or stored,
//! and held to in the transaction that stores them. Who was invited into an account is not asked: the
//! invitation suffices.

use thiserror::Error;
use tollgate_billing::Start;
use tollgate_identity::{AdmissionRefused, Terms, Ticket};
use tollgate_primitives::{AccountId, EmailAddress, Timestamp};

use crate::{
    App, Settings, announce_trial_end,
    keyed::token_hash,
    ports::{NewUser, StoreError, Transaction},
};

#[derive(Debug, Error)]
pub enum AdmitError {
    #[error(transparent)]
    Refused(#[from] AdmissionRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The hash of the code that lets somebody in, if one does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admitted(Option<[u8; 32]>);

/// `code` as it was typed; a blank one is none.
pub(crate) async fn admit(
    app: &App,
    email: &EmailAddress,
    code: Option<&str>,
) -> Result<Admitted, AdmitError> {
    let (admission, now) = (&app.settings.admission, app.clock.now());
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
        admission.admit(email, Ticket::Nothing, now)?;
        return Ok(Admitted(None));
    };
    let hash = token_hash(code);
    let known = app.invite_codes.invite_code(&hash).await?;
    admission.admit(email, Ticket::Code(known.as_ref()), now)?;
    Ok(Admitted(Some(hash)))
}

impl Admitted {
    /// Uses the code up, and has the account of `owner` begin with what the code or everybody has. A
    /// trial is one for each person whatever they bring: who had one before begins with nothing.
    pub(crate) async fn begin(
        self,
        app: &App,
        tx: &mut dyn Transaction,
        (account, owner): (AccountId, &NewUser),
        now: Timestamp,
    ) -> Result<(), AdmitError> {
        let terms = match self.0 {
            None => None,
            Some(hash) => {
                let claimed = tx.claim_invite_code(&hash, &owner.email, owner.id, now);
                Some(claimed.await?.ok_or(AdmissionRefused::CodeInvalid)?)
            }
        };
        let begins = match start(&app.settings, terms, now) {
            Start::Free(free) => Some(free),
            Start::Trial(trial) => {
                let key = app.key.trial_key(&owner.email);
                tx.claim_trial(&key, now).await?.then_some(trial)
            }
        };
        if let Some(subscription) = begins {
            tx.put_subscription(account, &subscription, now).await?;
            if let Some(trial) = subscription.reverse() {
                announce_trial_end::order(tx, account, trial).await?;
            }
        }
        Ok(())
    }
}

fn start(settings: &Settings, terms: Option<Terms>, now: Timestamp) -> Start {
    let Terms { plan, trial_days } = terms.unwrap_or_else(|| Terms {
        plan: settings.trial_plan.clone(),
        trial_days: None,
    });
    Start::with(plan, trial_days.unwrap_or(settings.trial_days), now)
}
