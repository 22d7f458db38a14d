//! What the use cases need from outside, in domain types only. Each method says what a retry means.

mod clock;
mod entropy;
mod erasure;
mod invite_codes;
mod jobs;
mod leads;
mod mail;
mod operations;
mod passwords;
mod payments;
mod profiles;
mod provider_sign_ins;
mod providers;
mod pruning;
mod reconciliation;
mod store;
mod teams;
mod tokens;
mod webhooks;

pub use clock::Clock;
pub use entropy::Entropy;
pub use erasure::{Erasure, ErasureWrites, LeftAccount, SessionPosition};
pub use invite_codes::{InviteCodeRecord, InviteCodeWrites, InviteCodes, NewInviteCode, Revoked};
pub use jobs::{Job, JobKind, SecurityNotice, TeamNotice};
pub use leads::{LeadSource, LeadWrites, Leads, SalesLead};
pub use mail::{AfterTrial, Mail, MailError, Mailer};
pub use operations::{
    AccountDetail, AccountLookup, AccountPosition, AccountSummary, AuditRecord, EventPosition,
    EventStatus, EventStatusInvalid, EventSummary, JobId, JobRecord, JobState, JobStateInvalid,
    Member, Members, OpenEvents, Operations, PAGE, Page,
};
pub use passwords::{PasswordHash, Passwords, PasswordsError, Verdict};
pub use payments::{
    CatalogPrice, CatalogProduct, ChangePreview, Changed, CheckoutEnd, CheckoutRequest,
    CheckoutSession, CheckoutSessionId, Described, EventsPage, FirstPayment, Invoice, InvoicePage,
    ListedSubscription, NewCustomer, Payments, PaymentsError, PreviewLine, StartedSubscription,
    SubscriptionRequest, SubscriptionsPage,
};
pub use profiles::{AccountProfile, OnboardingFacts, ProfileWrites, Profiles};
pub use provider_sign_ins::{
    Entrance, Flow, IdentityRow, Linking, NewFlow, NewIdentity, ProviderArrivals, ProviderSignIns,
};
pub use providers::{FlowSecrets, Providers, ProvidersError, Returned};
pub use pruning::{Prunable, Pruning};
pub use reconciliation::{
    CallClaim, CustomerAccount, OpenReservation, OverduePage, ReconcileJob, Reconciliation, Turn,
    TurnEnd, TurnStart, TurnTaken,
};
pub use store::{
    AccountFacts, AccountRow, AddressProof, AuditEntry, Awaiting, Caller, Catalog, CatalogPlan,
    Change, Conclusion, Credentials, EventRecord, EventState, InboxEntry, LockedAccount,
    Membership, NewRefreshToken, NewSession, NewUser, OfferRow, OneTimeToken, PasswordOwner,
    PlanBilling, PublicPlan, PurchaseKind, Received, RefreshRow, Reservation, ReservationState,
    SessionRow, Sessions, Store, StoreError, SubscriptionChange, Transaction, User, Version,
};
pub use teams::{
    AccountInvite, ClaimedInvite, Invitation, InviteLetter, KnownToTeam, LockedTeam, NewCode,
    NewInvite, TeamLetter, TeamWrites, Teams,
};
pub use tokens::{AccessClaims, AccessTokenInvalid, AccessTokens};
pub use webhooks::{InvalidSignature, Notice, NoticeContent, NoticeId, Webhooks};
