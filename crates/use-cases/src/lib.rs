//! One file per use case. Each reads: clock, begin, lock, decide (in a pure crate), write state and
//! outbox, commit. Async, but no I/O of its own: that is behind the [`ports`].

mod accept_invite;
mod admit;
mod announce_trial_end;
mod app;
mod apply_event;
mod apply_read;
mod backfill_complimentary;
mod begin_provider_sign_in;
mod billing_state;
mod cancel_subscription;
mod change_password;
mod change_plan;
mod change_role;
mod change_subscription;
mod complimentary;
mod delete_account;
mod effects;
mod end_second;
mod end_sessions;
mod end_subscription;
mod erase;
mod finish_provider_sign_in;
mod invite;
mod invite_codes;
mod join_account;
mod keep_subscription;
mod keyed;
mod limits;
mod link_provider;
mod list_invoices;
mod list_team;
mod look_up_invite;
mod onboarding;
mod open_checkout;
mod open_portal;
mod pass_gate;
pub mod ports;
mod prune;
mod read_subscription;
mod receive_webhook;
mod reconcile;
mod refresh_session;
mod register;
mod remove_member;
mod replay_event;
mod resend_invite;
mod reservation;
mod reset_password;
mod retry_job;
mod revoke_invite;
mod run_job;
mod sales_leads;
mod seats;
mod self_serve;
mod send_mail;
mod show_account;
mod sign_in;
mod sign_out;
mod sign_up;
mod start_subscription;
mod suspend_account;
mod switch_account;
mod sync_plans;
mod team_mail;
mod transfer_ownership;
mod unlink_provider;
mod update_profile;
mod verify_email;

pub use accept_invite::{AcceptError, accept_invite};
pub use admit::AdmitError;
pub use app::{App, Session, Settings, Tokens};
pub use apply_event::Applied;
pub use apply_read::NotApplied;
pub use backfill_complimentary::{
    BackfillError, BackfillReport, Recipients, backfill_complimentary,
};
pub use begin_provider_sign_in::{
    BeginProviderSignIn, BeginProviderSignInError, ProviderSignInBegun, begin_provider_sign_in,
};
pub use billing_state::{
    BillingState, BillingStateError, SubscriptionState, account_subscription, billing_state,
};
pub use cancel_subscription::cancel_subscription;
pub use change_password::{ChangePasswordError, change_password};
pub use change_plan::{change_plan, preview_change};
pub use change_role::{MemberError, change_role};
pub use change_subscription::ChangeError;
pub use complimentary::{EndGrantError, GrantError, end_complimentary, grant_complimentary};
pub use delete_account::{DeleteAccountError, delete_account};
pub use end_sessions::{end_other_sessions, end_own_session};
pub use erase::{EraseError, erase_user};
pub use finish_provider_sign_in::{
    FinishProviderSignIn, FinishProviderSignInError, ProviderSignedIn, finish_provider_sign_in,
};
pub use invite::{InviteError, Invitee, invite};
pub use invite_codes::{
    HandOut, HandOutError, HandedOut, RevokeCodeError, hand_out_code, list_codes, revoke_code,
};
pub use join_account::{JoinError, Joined};
pub use keep_subscription::keep_subscription;
pub use keyed::{Key, KeyTooShort};
pub use limits::{RateLimits, TooOften};
pub use link_provider::{FinishLink, LinkError, begin_link, finish_link};
pub use list_invoices::{Invoices, InvoicesError, list_invoices};
pub use list_team::{CursorInvalid, Listed, TeamError, list_invites, list_members};
pub use look_up_invite::{LookUpError, look_up_invite};
pub use onboarding::{
    OnboardingError, OnboardingStatus, StepAnswers, acknowledge_kept_banner, dismiss_onboarding,
    onboarding_status, take_step,
};
pub use open_checkout::open_checkout;
pub use open_portal::{PortalError, open_portal};
pub use pass_gate::{GateQuestion, GateRefused, Passed, pass_gate};
pub use receive_webhook::{Delivery, WebhookError, receive_webhook};
pub use reconcile::{DriftKind, Finding, Outcome, ReconcileOrder, Report, When, reconcile};
pub use refresh_session::{RefreshError, refresh_session};
pub use register::{Register, RegisterError, register};
pub use remove_member::remove_member;
pub use replay_event::{ReplayError, replay_event};
pub use resend_invite::{ResendError, resend_invite};
pub use reservation::PurchaseError;
pub use reset_password::{ResetPasswordError, forgot_password, password_to_reset, reset_password};
pub use retry_job::{RetryJobError, retry_job};
pub use revoke_invite::{RevokeError, revoke_invite};
pub use run_job::{JobFailed, run_job};
pub use sales_leads::{MoveLeadError, SubmitLead, SubmitLeadError, move_lead, submit_lead};
pub use self_serve::is_self_serve;
pub use show_account::{AccountState, ShownAccount, find_accounts, show_account};
pub use sign_in::{SignInError, sign_in};
pub use sign_out::sign_out;
pub use sign_up::Registered;
pub use start_subscription::{Begun, CompleteError, complete_subscription, start_subscription};
pub use suspend_account::{SuspendError, suspend_account, unsuspend_account};
pub use switch_account::{SwitchError, switch_account};
pub use sync_plans::{SyncPlansError, SyncReport, sync_plans};
pub use transfer_ownership::{TransferError, transfer_ownership};
pub use unlink_provider::{UnlinkError, unlink_provider};
pub use update_profile::{ACCOUNT, USER, UpdateError, update_account, update_user};
pub use verify_email::{SendVerificationError, VerifyEmailError, send_verification, verify_email};
