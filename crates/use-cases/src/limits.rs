//! Who tries too often is told to wait, before anything is looked up or hashed for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use thiserror::Error;
use tollgate_identity::limit::{self, Limit};
use tollgate_primitives::EmailAddress;

use crate::{
    App, Session,
    ports::{StoreError, Transaction},
};

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

impl TooOften {
    /// A mailbox that had as many mails as anybody can have sent to it.
    pub(crate) const fn mail() -> Self {
        let [hourly, _] = limit::MAILS;
        Self::Wait {
            retry_after: hourly.per,
        }
    }
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

    /// One sign-up with a throwaway address, counted by its domain.
    pub(crate) async fn try_throwaway(&self, domain: &str) -> Result<(), TooOften> {
        self.try_once(limit::REGISTER_THROWAWAY, domain).await
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

    /// One mail to each of `addresses` that the transaction sends: counted if it commits. Answers those
    /// that may have one. Addresses of one mailbox are counted as one, so only the first of them may.
    pub(crate) async fn try_mails<'a>(
        &self,
        tx: &mut dyn Transaction,
        addresses: impl IntoIterator<Item = &'a EmailAddress> + Send,
    ) -> Result<BTreeSet<&'a EmailAddress>, StoreError> {
        let mut mailboxes = BTreeMap::new();
        for address in addresses {
            mailboxes.entry(address.mailbox()).or_insert(address);
        }
        for limit in limit::MAILS {
            let Some(limit) = self.in_force(limit) else {
                break;
            };
            let bucket = |mailbox: &String| self.key.bucket(limit.name, mailbox);
            let mut buckets: Vec<_> = mailboxes.keys().map(bucket).collect();
            buckets.sort_unstable();
            let passed = tx.try_each(&buckets, limit).await?;
            mailboxes.retain(|mailbox, _| passed.contains(&bucket(mailbox)));
        }
        Ok(mailboxes.into_values().collect())
    }

    /// `None` where nothing is counted.
    #[must_use]
    pub fn in_force(&self, limit: Limit) -> Option<Limit> {
        match self.settings.rate_limits {
            RateLimits::Strict => Some(limit),
            RateLimits::Wide => Some(limit.wide()),
            RateLimits::Off => None,
        }
    }

    async fn try_once(&self, limit: Limit, subject: &str) -> Result<(), TooOften> {
        let Some(limit) = self.in_force(limit) else {
            return Ok(());
        };
        let bucket = self.key.bucket(limit.name, subject);
        if self.store.try_once(&bucket, limit).await? {
            return Ok(());
        }
        let retry_after = limit.per;
        Err(TooOften::Wait { retry_after })
    }
}
