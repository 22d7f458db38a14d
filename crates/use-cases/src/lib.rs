//! One file per use case. Each reads: clock, begin, lock, decide (in a pure crate), write state and
//! outbox, commit. Async, but no I/O of its own: that is behind the [`ports`].

mod app;
mod apply_event;
mod billing_state;
mod change_password;
mod end_sessions;
mod keyed;
mod open_checkout;
mod open_portal;
mod pass_gate;
pub mod ports;
mod read_subscription;
mod receive_webhook;
mod refresh_session;
mod register;
mod replay_event;
mod reset_password;
mod retry_job;
mod run_job;
mod send_mail;
mod show_account;
mod sign_in;
mod sign_out;
mod sync_plans;
mod verify_email;

pub use app::{App, Session, Settings, Tokens};
pub use apply_event::Applied;
pub use billing_state::{BillingState, BillingStateError, SubscriptionState, billing_state};
pub use change_password::{ChangePasswordError, change_password};
pub use end_sessions::{end_other_sessions, end_own_session};
pub use keyed::{Key, KeyTooShort};
pub use open_checkout::{CheckoutError, open_checkout};
pub use open_portal::{PortalError, open_portal};
pub use pass_gate::{GateQuestion, GateRefused, Passed, pass_gate};
pub use receive_webhook::{Delivery, WebhookError, receive_webhook};
pub use refresh_session::{RefreshError, refresh_session};
pub use register::{Register, RegisterError, Registered, register};
pub use replay_event::{ReplayError, replay_event};
pub use reset_password::{ResetPasswordError, forgot_password, password_to_reset, reset_password};
pub use retry_job::{RetryJobError, retry_job};
pub use run_job::{JobFailed, run_job};
pub use show_account::{AccountState, ShownAccount, find_accounts, show_account};
pub use sign_in::{SignInError, sign_in};
pub use sign_out::sign_out;
pub use sync_plans::{SyncPlansError, SyncReport, sync_plans};
pub use verify_email::{SendVerificationError, VerifyEmailError, send_verification, verify_email};
