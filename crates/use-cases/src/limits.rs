//! Who tries too often is told to wait, before anything is looked up or hashed for them.

use std::time::Duration;

use thiserror::Error;
use tollgate_identity::limit::{self, Limit};
use tollgate_primitives::EmailAddress;

use crate::{App, Session, ports::StoreError};

/// How strictly tries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RateLimits {
    #[default]
    Strict,
    /// What counts minutes is a hundred times wider: for development, where one person plays all.
    Wide,
    /// For tests of everything else.
    Off,
}

#[derive(Debug, Error)]
pub enum TooOften {
    #[error("tried too often")]
    Wait { retry_after: Duration },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// One try from a network.
    pub(crate) async fn try_from_network(
        &self,
        limit: Limit,
        origin: &Session,
    ) -> Result<(), TooOften> {
        self.try_once(limit, &limit::network(origin.ip.as_deref()))
            .await
    }

    /// One password tried for an address. By its canonical form, so that no spelling of it counts anew.
    pub(crate) async fn try_password(&self, address: &str) -> Result<(), TooOften> {
        self.try_once(limit::PASSWORD, address).await
    }

    /// The password was right: whoever mistyped it before has nothing to wait for.
    pub(crate) async fn password_was_right(&self, address: &str) -> Result<(), StoreError> {
        if self.settings.rate_limits == RateLimits::Off {
            return Ok(());
        }
        let bucket = self.key.bucket(limit::PASSWORD.name, address);
        self.store.forget_tries(&bucket).await
    }

    /// One mail that anybody can have sent to `address`.
    pub(crate) async fn try_mail(&self, address: &EmailAddress) -> Result<(), TooOften> {
        for limit in limit::MAILS {
            self.try_once(limit, &address.mailbox()).await?;
        }
        Ok(())
    }

    async fn try_once(&self, limit: Limit, subject: &str) -> Result<(), TooOften> {
        let limit = match self.settings.rate_limits {
            RateLimits::Strict => limit,
            RateLimits::Wide => limit.wide(),
            RateLimits::Off => return Ok(()),
        };
        let bucket = self.key.bucket(limit.name, subject);
        if self.store.try_once(&bucket, limit).await? {
            return Ok(());
        }
        let retry_after = limit.per;
        Err(TooOften::Wait { retry_after })
    }
}
