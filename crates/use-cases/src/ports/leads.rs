//! Who asked for an offer, and how far that is.

use std::fmt::Debug;

use async_trait::async_trait;
use tollgate_identity::lead::LeadStatus;
use tollgate_primitives::{EmailAddress, LeadId, Timestamp};

use super::{Page, StoreError};

/// Where somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadSource {
    PricingPage,
    RegisterFooter,
    LandingPage,
}

impl LeadSource {
    pub const ALL: [Self; 3] = [Self::PricingPage, Self::RegisterFooter, Self::LandingPage];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PricingPage => "pricing_page",
            Self::RegisterFooter => "register_footer",
            Self::LandingPage => "landing_page",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesLead {
    pub id: LeadId,
    pub email: EmailAddress,
    pub name: String,
    pub company: String,
    pub team_size: Option<String>,
    pub message: Option<String>,
    pub source: LeadSource,
    pub posthog_distinct_id: Option<String>,
    pub status: LeadStatus,
    pub created_at: Timestamp,
}

#[async_trait]
pub trait Leads: Debug + Send + Sync {
    async fn lead(&self, id: LeadId) -> Result<Option<SalesLead>, StoreError>;

    /// Before `after`, newest first, of one status or of all.
    async fn leads(
        &self,
        status: Option<LeadStatus>,
        after: Option<LeadId>,
    ) -> Result<Page<SalesLead>, StoreError>;
}

#[async_trait]
pub trait LeadWrites {
    async fn insert_lead(&mut self, lead: &SalesLead) -> Result<(), StoreError>;

    /// Keeps other changes of the lead waiting until the commit.
    async fn lock_lead(&mut self, id: LeadId) -> Result<Option<SalesLead>, StoreError>;

    async fn put_lead_status(
        &mut self,
        id: LeadId,
        status: LeadStatus,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}
