//! What every use case is given: the ports and the operator's choices.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tollgate_billing::{Policy, purchase::Provider};
use tollgate_identity::{Admission, ThrowawayDomains, session};
use tollgate_onboarding::Tools;
use tollgate_primitives::{
    AccountId, EmailAddress, PlanKey, SessionId, Timestamp, TokenId, UserId,
};

use crate::{
    keyed::{Key, RefreshToken},
    limits::RateLimits,
    ports::{
        AccessClaims, AccessTokens, Clock, Entropy, Erasure, InviteCodes, Leads, Mailer,
        NewRefreshToken, NewSession, Operations, Passwords, Payments, Profiles, Providers, Pruning,
        Reconciliation, Store, Teams, Webhooks,
    },
};

/// How long an access token lives.
const ACCESS_TOKEN_LIFE: Duration = Duration::from_mins(15);

#[derive(Debug, Clone)]
pub struct App {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub store: Arc<dyn Store>,
    pub operations: Arc<dyn Operations>,
    pub invite_codes: Arc<dyn InviteCodes>,
    pub reconciliation: Arc<dyn Reconciliation>,
    pub teams: Arc<dyn Teams>,
    pub pruning: Arc<dyn Pruning>,
    pub profiles: Arc<dyn Profiles>,
    pub leads: Arc<dyn Leads>,
    pub erasure: Arc<dyn Erasure>,
    pub passwords: Arc<dyn Passwords>,
    pub access_tokens: Arc<dyn AccessTokens>,
    pub providers: Arc<dyn Providers>,
    pub payments: Arc<dyn Payments>,
    /// `None` when no payment provider is configured.
    pub webhooks: Option<Arc<dyn Webhooks>>,
    pub mailer: Arc<dyn Mailer>,
    pub key: Key,
    pub settings: Settings,
}

/// The operator's choices.
#[derive(Debug, Clone)]
pub struct Settings {
    pub admission: Admission,
    pub rate_limits: RateLimits,
    pub trial_plan: PlanKey,
    pub trial_days: u16,
    pub policy: Policy,
    pub provider: Provider,
    /// How often reconciliation may ask the provider, over all nodes.
    pub reconcile_calls_per_minute: u32,
    /// Where people's browsers go, without a slash at the end.
    pub frontend_url: String,
    /// Domains that give a mailbox to anybody for a few minutes.
    pub throwaway_domains: Arc<ThrowawayDomains>,
    /// What the wizard offers as the tool that an account works in.
    pub onboarding_tools: Tools,
    /// Who is told of those who ask for an offer; nobody when `None`.
    pub sales_lead_recipient: Option<EmailAddress>,
}

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    pub user_agent: Option<String>,
    pub ip: Option<String>,
}

/// What a person's browser is given on signing in.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: SecretString,
    pub refresh: SecretString,
    /// Seconds until the access token ends.
    pub expires_in: u64,
}

/// Whom a session belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Holder {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) account: AccountId,
}

impl App {
    /// Makes the rows of a new session and the tokens that go with them.
    pub(crate) fn start_session(
        &self,
        user: UserId,
        account: AccountId,
        origin: Session,
        now: Timestamp,
    ) -> (NewSession, NewRefreshToken, Tokens) {
        let id = SessionId::from_uuid(self.entropy.uuid(now));
        let session = NewSession {
            id,
            user,
            account,
            user_agent: origin.user_agent,
            ip: origin.ip,
        };
        let refresh = self.key.first_refresh_token(&self.entropy.secret());
        let row = self.refresh_row(&refresh, session::expires_at(now, now), now);
        let holder = Holder {
            user,
            session: id,
            account,
        };
        let tokens = self.tokens(holder, &refresh, now);
        (session, row, tokens)
    }

    pub(crate) fn refresh_row(
        &self,
        token: &RefreshToken,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> NewRefreshToken {
        let id = TokenId::from_uuid(self.entropy.uuid(now));
        NewRefreshToken {
            id,
            hash: token.hash(),
            expires_at,
        }
    }

    pub(crate) fn tokens(&self, holder: Holder, refresh: &RefreshToken, now: Timestamp) -> Tokens {
        let Holder {
            user,
            session,
            account,
        } = holder;
        let claims = AccessClaims {
            user,
            session,
            account,
            issued_at: now,
            expires_at: now.saturating_add(ACCESS_TOKEN_LIFE),
        };
        Tokens {
            access: self.access_tokens.issue(&claims).into(),
            refresh: refresh.text().into(),
            expires_in: ACCESS_TOKEN_LIFE.as_secs(),
        }
    }
}
