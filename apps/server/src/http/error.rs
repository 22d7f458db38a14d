//! Every refusal of the API: one shape, a stable code, and a sentence that says what to do. This file
//! is the whole table; nothing of the inside is ever shown.

use std::{error::Error, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tollgate_billing::{GrantRefused, change::ChangeRefused, purchase::PurchaseRefused};
use tollgate_entitlements::Refusal;
use tollgate_field_mask::MaskRefused;
use tollgate_identity::{
    AdmissionRefused, Role,
    provider_sign_in::{ProviderSignInRefused, UnlinkRefused},
};
use tollgate_invites::{InviteRefused, MemberRefused, ResendRefused};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::{
    AcceptError, BeginProviderSignInError, BillingStateError, ChangeError, ChangePasswordError,
    CompleteError, DeleteAccountError, EndGrantError, EraseError, FinishProviderSignInError,
    GateRefused, GrantError, HandOutError, InviteError, InvoicesError, JoinError, LinkError,
    LookUpError, MemberError, MoveLeadError, NotApplied, OnboardingError, PortalError,
    PurchaseError, RefreshError, RegisterError, ReplayError, ResendError, ResetPasswordError,
    RetryJobError, RevokeCodeError, RevokeError, SendVerificationError, SignInError,
    SubmitLeadError, SuspendError, SwitchError, TeamError, TooOften, TransferError, UnlinkError,
    UpdateError, VerifyEmailError, WebhookError,
    ports::{AccessTokenInvalid, PasswordsError, PaymentsError, ProvidersError, StoreError},
};
use utoipa::ToSchema;

/// Where a person picks a plan.
const UPGRADE_URL: &str = "/account/billing/select-plan";
/// Where a new verification mail is asked for.
const RESEND_URL: &str = "/api/v1/auth/email/send-verification";

/// How every refusal looks on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    pub(crate) detail: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// Stable: part of the contract.
    pub(crate) error: &'static str,
    /// One sentence that a person can act on.
    pub(crate) message: String,
    /// What belongs to the code.
    #[serde(flatten)]
    #[schema(additional_properties, value_type = Object)]
    pub(crate) context: Map<String, Value>,
}

/// One refusal.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    context: Map<String, Value>,
    header: Option<Box<(header::HeaderName, String)>>,
}

/// What is wrong with one field of a body.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            context: Map::new(),
            header: None,
        }
    }

    /// For an answer that has several refusals in it.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// For an answer that has several refusals in it.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.context.insert(key.to_owned(), value.into());
        self
    }

    fn header(mut self, name: header::HeaderName, value: impl fmt::Display) -> Self {
        self.header = Some(Box::new((name, value.to_string())));
        self
    }

    pub(crate) fn no_route(allowed: &[&str]) -> Self {
        if allowed.is_empty() {
            return Self::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "There is nothing at this address.",
            );
        }
        let allowed = allowed.join(", ");
        let message = format!("Use {allowed} at this address.");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            message,
        )
        .header(header::ALLOW, allowed)
    }

    pub(crate) fn malformed_json() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            "Send a body of well-formed JSON.",
        )
    }

    pub(crate) fn malformed_form() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed_form",
            "Send a well-formed form, each field once.",
        )
    }

    pub(crate) fn malformed_query() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed_query",
            "Send each query parameter once.",
        )
    }

    pub(crate) fn unknown_field(field: &str) -> Self {
        let message = format!("Leave out the field {field}: it is not known here.");
        Self::new(StatusCode::BAD_REQUEST, "unknown_field", message).with("field", field)
    }

    pub(crate) fn unsupported_media_type(expected: &str) -> Self {
        let message = format!("Send the body as {expected}.");
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        )
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let message = format!("Send a body of at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message).with("limit", limit)
    }

    pub(crate) fn body_too_slow() -> Self {
        let message = "The body did not arrive in time; send it again.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", message)
    }

    pub(crate) fn validation(fields: &[FieldError]) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
            "Correct the fields that are named and send the request again.",
        )
        .with("fields", json!(fields))
    }

    pub(crate) fn not_authenticated() -> Self {
        Self::unauthorized(
            "not_authenticated",
            "Sign in and send the access token as a bearer token.",
        )
    }

    pub(crate) fn invalid_credentials() -> Self {
        Self::unauthorized(
            "invalid_credentials",
            "Address or password is not right; try again, or reset the password.",
        )
    }

    pub(crate) fn session_ended() -> Self {
        Self::unauthorized("token_revoked", "This session has ended; sign in again.")
    }

    pub(crate) fn role_required(required: Role) -> Self {
        let message = format!("Ask somebody with the role {required} of this account, or above.");
        Self::new(StatusCode::FORBIDDEN, "role_required", message)
            .with("required", required.as_str())
    }

    /// An id that is nobody's and one that is somebody else's answer alike.
    pub(crate) fn no_such(what: &str) -> Self {
        let message = format!("You have no such {what}; look at the list again.");
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    fn token_invalid_or_expired() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "token_invalid_or_expired",
            "This link does not work any more; ask for a new one.",
        )
    }

    fn use_oauth_provider(providers: &[String]) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "use_oauth_provider",
            "This person has no password; sign in with one of the providers.",
        )
        .with("providers", json!(providers))
    }

    /// Whichever way somebody comes in.
    fn account_suspended() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "account_suspended",
            "This account is suspended; write to the people who run this service.",
        )
    }

    pub(crate) fn sign_in_provider_not_configured() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_not_configured",
            "Nobody can sign in this way here; see the oauth_providers of /config/public.",
        )
    }

    fn oauth_state_invalid() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "oauth_state_invalid",
            "This sign-in is over, or was begun in another browser; begin anew.",
        )
    }

    pub(crate) fn super_admin_only() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "super_admin_only",
            "Sign in as an operator of the platform.",
        )
    }

    pub(crate) fn invalid_cursor() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_cursor",
            "Send the next_cursor of the page before, or none for the first page.",
        )
    }

    pub(crate) fn event_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "event_not_found",
            "There is no such event; it may be older than the inbox keeps them.",
        )
    }

    pub(crate) fn job_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "job_not_found",
            "There is no such job; it may be done already.",
        )
    }

    pub(crate) fn invite_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invite_not_found",
            "There is no such invite code; look at the list again.",
        )
    }

    pub(crate) fn account_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "account_not_found",
            "There is no such account; look it up by name or address.",
        )
    }

    pub(crate) fn lead_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "lead_not_found",
            "There is no such lead; look at the list again.",
        )
    }

    fn unauthorized(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
            .header(header::WWW_AUTHENTICATE, "Bearer")
    }

    fn unavailable(code: &'static str, message: &str, seconds: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            .header(header::RETRY_AFTER, seconds.max(1))
    }

    pub(crate) fn internal() -> Self {
        let message = "Something went wrong on our side; the request id helps us to find it.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some((name, value)) = self.header.as_deref() {
            response.insert_header((name.clone(), value.as_str()));
        }
        response.json(ErrorBody {
            detail: ErrorDetail {
                error: self.code,
                message: self.message.clone(),
                context: self.context.clone(),
            },
        })
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        log(&error);
        match error {
            StoreError::Unavailable { .. } => Self::unavailable(
                "unavailable",
                "The service cannot be reached for a moment; try again.",
                1,
            ),
            StoreError::Corrupt { .. } => Self::internal(),
        }
    }
}

impl From<PasswordsError> for ApiError {
    fn from(error: PasswordsError) -> Self {
        match error {
            PasswordsError::Busy { retry_after } => Self::unavailable(
                "busy",
                "Many people are signing in; try again in a moment.",
                retry_after.as_secs(),
            ),
            PasswordsError::Failed(_) => {
                log(&error);
                Self::internal()
            }
        }
    }
}

impl From<TooOften> for ApiError {
    fn from(error: TooOften) -> Self {
        match error {
            TooOften::Wait { retry_after } => {
                let seconds = retry_after.as_secs().max(1);
                Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "rate_limited",
                    format!("That was tried too often; wait {seconds} seconds and try again."),
                )
                .header(header::RETRY_AFTER, seconds)
            }
            TooOften::Store(error) => error.into(),
        }
    }
}

impl From<PaymentsError> for ApiError {
    fn from(error: PaymentsError) -> Self {
        match &error {
            PaymentsError::NotConfigured => Self::provider_not_configured(),
            PaymentsError::KeySpent(_) => {
                log(&error);
                Self::unavailable(
                    "payment_provider_unavailable",
                    "The payment provider failed; nothing was charged, try again.",
                    1,
                )
            }
            PaymentsError::Unavailable { retry_after, .. } => {
                log(&error);
                Self::unavailable(
                    "payment_provider_unavailable",
                    "The payment provider does not answer; nothing was charged, try again.",
                    retry_after.map_or(5, |wait| wait.as_secs()),
                )
            }
            PaymentsError::Refused { .. } | PaymentsError::Unreadable { .. } => {
                log(&error);
                Self::new(
                    StatusCode::BAD_GATEWAY,
                    "payment_provider_error",
                    "The payment provider did not accept the request; nothing was charged.",
                )
            }
        }
    }
}

impl ApiError {
    /// `subscription`: the purchase that waits, by the provider's id.
    fn payment_pending(subscription: Option<&str>) -> Self {
        let complete = subscription.map(|id| format!("/api/v1/subscriptions/complete/{id}"));
        Self::new(
            StatusCode::PAYMENT_REQUIRED,
            "payment_pending",
            refusal_message(Refusal::PaymentPending),
        )
        .with("subscription_id", json!(subscription))
        .with("complete_url", json!(complete))
    }

    fn provider_not_configured() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "payment_provider_not_configured",
            "Payments are not set up on this server.",
        )
    }
}

impl From<AccessTokenInvalid> for ApiError {
    fn from(error: AccessTokenInvalid) -> Self {
        match error {
            AccessTokenInvalid::Expired => {
                Self::unauthorized("token_expired", "The access token has expired; refresh it.")
            }
            AccessTokenInvalid::Forged => Self::unauthorized(
                "token_invalid",
                "This is no access token of ours; sign in again.",
            ),
        }
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::EmailTaken => Self::new(
                StatusCode::CONFLICT,
                "email_taken",
                "Somebody has this address; sign in, or reset the password.",
            ),
            RegisterError::NotAdmitted(refused) => refused.into(),
            RegisterError::Join(JoinError::Invalid) => {
                Self::invite_invalid(StatusCode::BAD_REQUEST)
            }
            RegisterError::Join(error) => error.into(),
            RegisterError::InvalidPlan => Self::invalid_plan(),
            RegisterError::TooOften(error) => error.into(),
            RegisterError::Passwords(error) => error.into(),
            RegisterError::Store(error) => error.into(),
        }
    }
}

impl From<AdmissionRefused> for ApiError {
    fn from(refused: AdmissionRefused) -> Self {
        let (code, message) = match refused {
            AdmissionRefused::CodeRequired => (
                "invite_code_required",
                "Signing up needs an invite code; ask for one.",
            ),
            AdmissionRefused::CodeInvalid => (
                "invite_code_invalid",
                "This invite code is not valid; check it.",
            ),
            AdmissionRefused::EmailMismatch => (
                "invite_email_mismatch",
                "This invite code is for another address; sign up with that one.",
            ),
        };
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::InvalidCredentials => Self::invalid_credentials(),
            SignInError::UseOauthProvider { providers } => Self::use_oauth_provider(&providers),
            SignInError::AccountSuspended => Self::account_suspended(),
            SignInError::TooOften(error) => error.into(),
            SignInError::Passwords(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<ProvidersError> for ApiError {
    fn from(error: ProvidersError) -> Self {
        match &error {
            ProvidersError::NotConfigured => Self::sign_in_provider_not_configured(),
            ProvidersError::AnotherProvider => Self::oauth_state_invalid(),
            ProvidersError::Refused(_) => {
                log(&error);
                Self::new(
                    StatusCode::BAD_REQUEST,
                    "oauth_exchange_failed",
                    "The provider did not confirm who you are; begin anew.",
                )
            }
            ProvidersError::Timeout => {
                log(&error);
                Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "provider_timeout",
                    "The provider does not answer; try again, or sign in another way.",
                )
            }
            ProvidersError::Unavailable(_) => {
                log(&error);
                Self::unavailable(
                    "provider_unavailable",
                    "The provider cannot be reached; try again, or sign in another way.",
                    5,
                )
            }
        }
    }
}

impl From<BeginProviderSignInError> for ApiError {
    fn from(error: BeginProviderSignInError) -> Self {
        match error {
            BeginProviderSignInError::TooOften(error) => error.into(),
            BeginProviderSignInError::Providers(error) => error.into(),
            BeginProviderSignInError::Store(error) => error.into(),
        }
    }
}

impl From<FinishProviderSignInError> for ApiError {
    fn from(error: FinishProviderSignInError) -> Self {
        match error {
            FinishProviderSignInError::StateInvalid => Self::oauth_state_invalid(),
            FinishProviderSignInError::Refused(refused) => refused.into(),
            FinishProviderSignInError::NotAdmitted(refused) => refused.into(),
            FinishProviderSignInError::Join(JoinError::Invalid) => {
                Self::invite_invalid(StatusCode::BAD_REQUEST)
            }
            FinishProviderSignInError::Join(error) => error.into(),
            FinishProviderSignInError::AccountSuspended => Self::account_suspended(),
            FinishProviderSignInError::Overtaken => Self::unavailable(
                "busy",
                "This person is signing in elsewhere at this moment; begin anew.",
                1,
            ),
            FinishProviderSignInError::TooOften(error) => error.into(),
            FinishProviderSignInError::Providers(error) => error.into(),
            FinishProviderSignInError::Store(error) => error.into(),
        }
    }
}

impl From<ProviderSignInRefused> for ApiError {
    fn from(refused: ProviderSignInRefused) -> Self {
        match refused {
            ProviderSignInRefused::EmailAlreadyRegistered => Self::new(
                StatusCode::BAD_REQUEST,
                "email_already_registered_use_login",
                "You have an account; sign in, then accept the invitation.",
            ),
            ProviderSignInRefused::LinkRequiresSignIn => Self::new(
                StatusCode::CONFLICT,
                "link_requires_sign_in",
                "Somebody has this address; sign in as before, then link this way in.",
            ),
        }
    }
}

impl From<LinkError> for ApiError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::EmailNotVerified { grace_ended_at } => {
                Self::email_not_verified(grace_ended_at)
            }
            LinkError::NotFresh => Self::new(
                StatusCode::FORBIDDEN,
                "fresh_sign_in_required",
                "Sign in again, and do this within five minutes.",
            ),
            LinkError::AnotherPersons => Self::new(
                StatusCode::CONFLICT,
                "identity_taken",
                "Somebody else here signs in with this; sign in with it and take it away there first.",
            ),
            LinkError::SessionEnded => Self::session_ended(),
            LinkError::Begin(error) => error.into(),
            LinkError::Finish(error) => error.into(),
            LinkError::Store(error) => error.into(),
        }
    }
}

impl From<UnlinkError> for ApiError {
    fn from(error: UnlinkError) -> Self {
        match error {
            UnlinkError::Refused(UnlinkRefused::Unknown) => Self::no_such("identity"),
            UnlinkError::Refused(UnlinkRefused::Stale) => Self::new(
                StatusCode::FORBIDDEN,
                "fresh_sign_in_required",
                "Sign in again, and do this within five minutes.",
            ),
            UnlinkError::Refused(UnlinkRefused::LastWayIn) => Self::new(
                StatusCode::CONFLICT,
                "last_way_in",
                "Keep this link: it is the only way that you can sign in.",
            ),
            UnlinkError::Store(error) => error.into(),
        }
    }
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Revoked => Self::session_ended(),
            RefreshError::Expired => Self::unauthorized(
                "token_expired",
                "The session was not used for long; sign in again.",
            ),
            RefreshError::Store(error) => error.into(),
        }
    }
}

impl From<VerifyEmailError> for ApiError {
    fn from(error: VerifyEmailError) -> Self {
        match error {
            VerifyEmailError::TokenInvalid => Self::token_invalid_or_expired(),
            VerifyEmailError::Store(error) => error.into(),
        }
    }
}

impl From<SendVerificationError> for ApiError {
    fn from(error: SendVerificationError) -> Self {
        match error {
            SendVerificationError::AlreadyVerified => Self::new(
                StatusCode::CONFLICT,
                "already_verified",
                "This address is proven already; there is nothing left to do.",
            ),
            SendVerificationError::TooOften(error) => error.into(),
            SendVerificationError::Store(error) => error.into(),
        }
    }
}

impl From<ResetPasswordError> for ApiError {
    fn from(error: ResetPasswordError) -> Self {
        match error {
            ResetPasswordError::TokenInvalid => Self::token_invalid_or_expired(),
            ResetPasswordError::Passwords(error) => error.into(),
            ResetPasswordError::Store(error) => error.into(),
        }
    }
}

impl From<ChangePasswordError> for ApiError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::InvalidCredentials => Self::invalid_credentials(),
            ChangePasswordError::UseOauthProvider { providers } => {
                Self::use_oauth_provider(&providers)
            }
            ChangePasswordError::TooOften(error) => error.into(),
            ChangePasswordError::Passwords(error) => error.into(),
            ChangePasswordError::Store(error) => error.into(),
        }
    }
}

impl From<BillingStateError> for ApiError {
    fn from(error: BillingStateError) -> Self {
        match error {
            BillingStateError::SessionEnded => Self::session_ended(),
            BillingStateError::NoSubscription => Self::new(
                StatusCode::NOT_FOUND,
                "no_subscription",
                "This account has no subscription; pick a plan.",
            )
            .with("upgrade_url", UPGRADE_URL),
            BillingStateError::Store(error) => error.into(),
        }
    }
}

impl ApiError {
    fn email_not_verified(grace_ended_at: Timestamp) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "email_not_verified",
            "Prove the e-mail address to go on; a new link can be sent.",
        )
        .with("grace_ended_at", json!(grace_ended_at))
        .with("resend_url", RESEND_URL)
    }

    fn invite_invalid(status: StatusCode) -> Self {
        Self::new(
            status,
            "invite_invalid_or_expired_or_revoked",
            "This invitation is not valid any more; ask for a new one.",
        )
    }

    fn invite_already_accepted() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invite_already_accepted",
            "This person has come already; look at the members.",
        )
    }
}

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Invalid => Self::invite_invalid(StatusCode::NOT_FOUND),
            JoinError::EmailMismatch => Self::new(
                StatusCode::BAD_REQUEST,
                "invite_email_mismatch",
                "This invitation is for another address; use the one it was sent to.",
            ),
            JoinError::NoSeat(refused) => refused.into(),
            JoinError::Store(error) => error.into(),
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Join(error) => error.into(),
            AcceptError::EmailNotVerified { grace_ended_at } => {
                Self::email_not_verified(grace_ended_at)
            }
            AcceptError::SessionEnded => Self::session_ended(),
            AcceptError::Store(error) => error.into(),
        }
    }
}

impl From<LookUpError> for ApiError {
    fn from(error: LookUpError) -> Self {
        match error {
            LookUpError::Join(error) => error.into(),
            LookUpError::TooOften(error) => error.into(),
        }
    }
}

impl From<MemberRefused> for ApiError {
    fn from(refused: MemberRefused) -> Self {
        match refused {
            MemberRefused::AdminsOnly => Self::role_required(Role::Admin),
            MemberRefused::OwnersOnly => Self::role_required(Role::Owner),
            MemberRefused::RoleAboveOwn => Self::role_above_own(),
        }
    }
}

impl ApiError {
    fn role_above_own() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "role_above_own",
            "This takes a role above yours; ask an owner of this account.",
        )
    }
}

impl From<InviteError> for ApiError {
    fn from(error: InviteError) -> Self {
        let conflict = |code, message: &str| Self::new(StatusCode::CONFLICT, code, message);
        match error {
            InviteError::NotAllowed(refused) => refused.into(),
            InviteError::Refused(InviteRefused::RoleAboveOwn) => Self::role_above_own(),
            InviteError::Refused(InviteRefused::AlreadyMember) => conflict(
                "already_member",
                "This person is a member of the account already.",
            ),
            InviteError::Refused(InviteRefused::Pending) => conflict(
                "invite_pending",
                "This person is invited already; send that invitation again, or revoke it.",
            ),
            InviteError::Refused(InviteRefused::Full(_)) => Self::internal(),
            InviteError::Gate(refused) => refused.into(),
            InviteError::TooOften(error) => error.into(),
            InviteError::SessionEnded => Self::session_ended(),
            InviteError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeError> for ApiError {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Unknown => Self::no_such("invitation"),
            RevokeError::Accepted => Self::invite_already_accepted(),
            RevokeError::NotAllowed(refused) => refused.into(),
            RevokeError::SessionEnded => Self::session_ended(),
            RevokeError::Store(error) => error.into(),
        }
    }
}

impl From<ResendError> for ApiError {
    fn from(error: ResendError) -> Self {
        match error {
            ResendError::Unknown => Self::no_such("invitation"),
            ResendError::Refused(ResendRefused::Accepted) => Self::invite_already_accepted(),
            ResendError::Refused(ResendRefused::Revoked) => Self::new(
                StatusCode::CONFLICT,
                "invite_revoked",
                "This invitation was revoked; invite the person anew.",
            ),
            ResendError::Refused(ResendRefused::TooOften) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "resend_limit_reached",
                "This invitation was sent again five times; revoke it and invite anew.",
            ),
            ResendError::NotAllowed(refused) => refused.into(),
            ResendError::Gate(refused) => refused.into(),
            ResendError::TooOften(error) => error.into(),
            ResendError::SessionEnded => Self::session_ended(),
            ResendError::Store(error) => error.into(),
        }
    }
}

impl From<MemberError> for ApiError {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::Unknown => Self::no_such("member"),
            MemberError::Refused(refused) => refused.into(),
            MemberError::LastOwner => Self::new(
                StatusCode::CONFLICT,
                "last_owner",
                "An account keeps an owner; hand it over to another member first.",
            ),
            MemberError::SessionEnded => Self::session_ended(),
            MemberError::Store(error) => error.into(),
        }
    }
}

impl From<TransferError> for ApiError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Unknown => Self::no_such("member"),
            TransferError::Refused(refused) => refused.into(),
            TransferError::ToOneself => Self::new(
                StatusCode::CONFLICT,
                "already_owner",
                "You own this account already; name another member.",
            ),
            TransferError::NotFresh => Self::new(
                StatusCode::FORBIDDEN,
                "fresh_sign_in_required",
                "Send the password as well, or sign in again and repeat this within five minutes.",
            ),
            TransferError::InvalidCredentials => Self::invalid_credentials(),
            TransferError::UseOauthProvider { providers } => Self::use_oauth_provider(&providers),
            TransferError::SessionEnded => Self::session_ended(),
            TransferError::TooOften(error) => error.into(),
            TransferError::Passwords(error) => error.into(),
            TransferError::Store(error) => error.into(),
        }
    }
}

impl From<SwitchError> for ApiError {
    fn from(error: SwitchError) -> Self {
        match error {
            SwitchError::Unknown => Self::no_such("account"),
            SwitchError::SessionEnded => Self::session_ended(),
            SwitchError::Store(error) => error.into(),
        }
    }
}

impl From<TeamError> for ApiError {
    fn from(error: TeamError) -> Self {
        match error {
            TeamError::Cursor(_) => Self::invalid_cursor(),
            TeamError::Store(error) => error.into(),
        }
    }
}

impl From<GateRefused> for ApiError {
    fn from(error: GateRefused) -> Self {
        match error {
            GateRefused::SessionEnded => Self::session_ended(),
            GateRefused::EmailNotVerified { grace_ended_at } => {
                Self::email_not_verified(grace_ended_at)
            }
            GateRefused::Plan {
                refusal,
                feature,
                plan,
                status,
                current_period_end,
                pending,
            } => {
                let refused = Self::new(
                    StatusCode::PAYMENT_REQUIRED,
                    refusal.code(),
                    refusal_message(refusal),
                );
                match refusal {
                    Refusal::NoSubscription => refused,
                    Refusal::SubscriptionInactive => refused
                        .with("status", json!(status))
                        .with("plan", plan.as_str())
                        .with("current_period_end", json!(current_period_end)),
                    Refusal::PaymentPending => return Self::payment_pending(pending.as_deref()),
                    Refusal::FeatureNotInPlan => refused
                        .with("feature", json!(feature))
                        .with("current_plan", plan.as_str()),
                    Refusal::LimitReached { limit, used } => refused
                        .with("limit", limit)
                        .with("used", used)
                        .with("current_plan", plan.as_str()),
                }
                .with("upgrade_url", UPGRADE_URL)
            }
            GateRefused::Store(error) => error.into(),
        }
    }
}

const fn refusal_message(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoSubscription => "This account has no subscription; pick a plan.",
        Refusal::SubscriptionInactive => "The subscription is over; pick a plan to go on.",
        Refusal::PaymentPending => "The first payment has not arrived; complete it to go on.",
        Refusal::FeatureNotInPlan => "The plan does not have this; pick one that does.",
        Refusal::LimitReached { .. } => "The plan's limit is reached; pick a larger plan.",
    }
}

impl From<PurchaseRefused> for ApiError {
    fn from(refused: PurchaseRefused) -> Self {
        let bad_request = |code, message: &str| Self::new(StatusCode::BAD_REQUEST, code, message);
        let conflict = |code, message: &str| Self::new(StatusCode::CONFLICT, code, message);
        let unavailable =
            |code, message: &str| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        match refused {
            PurchaseRefused::InvalidPlan => Self::invalid_plan(),
            PurchaseRefused::TierNotYetAvailable => bad_request(
                "tier_not_yet_available",
                "This plan is not sold online; talk to us.",
            ),
            PurchaseRefused::BillingNotConfigured => unavailable(
                "billing_not_configured",
                "This plan has no price for that interval; choose another.",
            ),
            PurchaseRefused::ProviderNotConfigured => Self::provider_not_configured(),
            PurchaseRefused::SyntheticTestCohort => Self::new(
                StatusCode::FORBIDDEN,
                "synthetic_test_cohort",
                "This account is marked as artificial and cannot pay.",
            ),
            PurchaseRefused::ComplimentaryAccount => conflict(
                "complimentary_account",
                "This account is complimentary; confirm with confirm_leave_complimentary.",
            ),
            PurchaseRefused::AlreadySubscribed => conflict(
                "already_subscribed",
                "This account has a subscription; change it in the portal.",
            )
            .with("portal", PORTAL_URL),
            PurchaseRefused::PaymentPending => Self::payment_pending(None),
            PurchaseRefused::FixPaymentFirst => conflict(
                "fix_payment_first",
                "A payment failed; correct the card in the portal first.",
            )
            .with("portal", PORTAL_URL),
            PurchaseRefused::SeatsBelowMembers { members } => conflict(
                "seats_below_members",
                "Take at least as many seats as the account has members.",
            )
            .with("members", members),
        }
    }
}

/// Where a person writes to us.
const SUPPORT_URL: &str = "/support";

/// Where the address of the portal is asked for.
const PORTAL_URL: &str = "/api/v1/billing/portal-session";

impl ApiError {
    pub(crate) fn invalid_plan() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_plan",
            "There is no such plan; see /plans/public.",
        )
    }
}

impl From<PurchaseError> for ApiError {
    fn from(error: PurchaseError) -> Self {
        match error {
            PurchaseError::Refused(refused) => refused.into(),
            PurchaseError::PaymentPending(subscription) => {
                Self::payment_pending(Some(subscription.as_str()))
            }
            PurchaseError::AccountGone => Self::session_ended(),
            PurchaseError::Superseded => Self::new(
                StatusCode::CONFLICT,
                "purchase_superseded",
                "Another purchase was started meanwhile; go on there, or try again.",
            ),
            PurchaseError::NotApplied(error) => error.into(),
            PurchaseError::Payments(error) => error.into(),
            PurchaseError::Store(error) => error.into(),
        }
    }
}

impl From<NotApplied> for ApiError {
    fn from(error: NotApplied) -> Self {
        match error {
            NotApplied::Store(error) => error.into(),
            NotApplied::Overtaken => Self::unavailable(
                "unavailable",
                "The subscription has just changed; try again.",
                1,
            ),
            NotApplied::AnotherCustomer | NotApplied::UnknownPrice(_) | NotApplied::Refused(_) => {
                log(&error);
                Self::new(
                    StatusCode::BAD_GATEWAY,
                    "payment_provider_error",
                    "The payment provider's answer does not fit the account; we look into it.",
                )
            }
        }
    }
}

impl From<CompleteError> for ApiError {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::Unknown => Self::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "This account has no such subscription.",
            ),
            CompleteError::NothingPending => Self::new(
                StatusCode::CONFLICT,
                "nothing_pending",
                "This subscription does not wait for a payment.",
            ),
            CompleteError::Purchase(error) => error.into(),
            CompleteError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeRefused> for ApiError {
    fn from(refused: ChangeRefused) -> Self {
        let conflict = |code, message: &str| Self::new(StatusCode::CONFLICT, code, message);
        match refused {
            ChangeRefused::AsPurchase(refused) => refused.into(),
            ChangeRefused::NothingToChange => conflict(
                "nothing_to_change",
                "Nothing is bought that could be changed; pick a plan and buy it.",
            )
            .with("upgrade_url", UPGRADE_URL),
            ChangeRefused::PaymentPending(subscription) => {
                Self::payment_pending(Some(subscription.as_str()))
            }
            ChangeRefused::SamePlan => conflict(
                "same_plan",
                "This account has this plan with as many seats already.",
            ),
            ChangeRefused::DowngradeNotSelfServe => conflict(
                "downgrade_not_self_serve",
                "A smaller plan, fewer seats or a shorter interval is arranged by our support.",
            )
            .with("support", SUPPORT_URL),
            ChangeRefused::PreviewExpired => conflict(
                "preview_expired",
                "This preview is too old to be confirmed; ask for a new one.",
            ),
            ChangeRefused::PreviewOfTheFuture => Self::validation(&[FieldError {
                field: "proration_date".to_owned(),
                code: "out_of_range",
                message: "Confirm the date that the preview answered.".to_owned(),
            }]),
            ChangeRefused::NothingToCancel => conflict(
                "nothing_to_cancel",
                "Nothing is bought that still goes on; there is nothing to cancel.",
            ),
            ChangeRefused::NothingToKeep => conflict(
                "nothing_to_keep",
                "No cancellation is scheduled that could be taken back.",
            ),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(refused) => refused.into(),
            ChangeError::Declined => Self::new(
                StatusCode::PAYMENT_REQUIRED,
                "payment_declined",
                "The card was declined and nothing was changed; correct it in the portal.",
            )
            .with("portal", PORTAL_URL),
            ChangeError::Busy => Self::new(
                StatusCode::CONFLICT,
                "change_in_progress",
                "Other changes of the subscription are under way; look at it and try again.",
            ),
            ChangeError::Outstanding(error) => {
                log(&error);
                Self::unavailable(
                    "payment_provider_unavailable",
                    "The payment provider has not answered yet; the change is made as soon as it does.",
                    5,
                )
            }
            ChangeError::AccountGone => Self::session_ended(),
            ChangeError::Payments(error) => error.into(),
            ChangeError::State(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<InvoicesError> for ApiError {
    fn from(error: InvoicesError) -> Self {
        match error {
            InvoicesError::NotConfigured => Self::provider_not_configured(),
            InvoicesError::CursorInvalid => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_cursor",
                "This cursor is none of this list; begin without one.",
            ),
            InvoicesError::Payments(error) => error.into(),
            InvoicesError::Store(error) => error.into(),
        }
    }
}

impl From<PortalError> for ApiError {
    fn from(error: PortalError) -> Self {
        match error {
            PortalError::NotConfigured => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stripe_not_configured",
                "Payments are not set up on this server.",
            ),
            PortalError::NoCustomer => Self::new(
                StatusCode::BAD_REQUEST,
                "no_stripe_customer",
                "This account has never bought anything; pick a plan first.",
            ),
            PortalError::Payments(error) => error.into(),
            PortalError::Store(error) => error.into(),
        }
    }
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::InvalidSignature(_) => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_signature",
                "The signature does not fit the body; check the endpoint's signing secret.",
            ),
            WebhookError::NotStored(error) => error.into(),
        }
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Unknown => Self::event_not_found(),
            ReplayError::AlreadyApplied => Self::new(
                StatusCode::CONFLICT,
                "already_applied",
                "This event has done its work; there is nothing to try again.",
            ),
            ReplayError::NoProvider => Self::provider_not_configured(),
            ReplayError::Store(error) => error.into(),
        }
    }
}

impl From<RetryJobError> for ApiError {
    fn from(error: RetryJobError) -> Self {
        let conflict = |code, message: &str| Self::new(StatusCode::CONFLICT, code, message);
        match error {
            RetryJobError::Unknown => Self::job_not_found(),
            RetryJobError::NotFailed => conflict(
                "job_not_failed",
                "This job has not failed; it runs by itself when its time has come.",
            ),
            RetryJobError::Running => conflict(
                "job_running",
                "This job is running; look again in a moment.",
            ),
            RetryJobError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteAccountError> for ApiError {
    fn from(error: DeleteAccountError) -> Self {
        match error {
            DeleteAccountError::Unknown => Self::account_not_found(),
            DeleteAccountError::Store(error) => error.into(),
        }
    }
}

impl From<SuspendError> for ApiError {
    fn from(error: SuspendError) -> Self {
        let conflict = |code, message: &str| Self::new(StatusCode::CONFLICT, code, message);
        match error {
            SuspendError::Unknown => Self::account_not_found(),
            SuspendError::AlreadySuspended => conflict(
                "already_suspended",
                "This account is suspended; there is nothing to do.",
            ),
            SuspendError::NotSuspended => conflict(
                "not_suspended",
                "This account is not suspended; there is nothing to do.",
            ),
            SuspendError::Store(error) => error.into(),
        }
    }
}

impl From<MaskRefused> for ApiError {
    fn from(refused: MaskRefused) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, refused.code(), refused.to_string());
        match refused.field() {
            Some(field) => error.with("field", field),
            None => error,
        }
    }
}

impl From<UpdateError> for ApiError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Gone => Self::session_ended(),
            UpdateError::Store(error) => error.into(),
        }
    }
}

impl From<SubmitLeadError> for ApiError {
    fn from(error: SubmitLeadError) -> Self {
        match error {
            SubmitLeadError::TooOften(error) => error.into(),
            SubmitLeadError::Store(error) => error.into(),
        }
    }
}

impl From<MoveLeadError> for ApiError {
    fn from(error: MoveLeadError) -> Self {
        match error {
            MoveLeadError::Unknown => Self::lead_not_found(),
            MoveLeadError::IsFurther(status) => Self::new(
                StatusCode::CONFLICT,
                "lead_is_further",
                "This lead is further already, and does not go back.",
            )
            .with("status", status.as_str()),
            MoveLeadError::Store(error) => error.into(),
        }
    }
}

impl From<EraseError> for ApiError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::LastOwner { account } => Self::new(
                StatusCode::CONFLICT,
                "last_owner",
                "Make somebody else an owner first, or remove the other members.",
            )
            .with("account_id", account.to_string()),
            EraseError::InvalidCredentials => Self::invalid_credentials(),
            EraseError::NotFresh => Self::new(
                StatusCode::FORBIDDEN,
                "fresh_sign_in_required",
                "Send your password along, or sign in again and repeat this within five minutes.",
            ),
            EraseError::Gone => Self::session_ended(),
            EraseError::TooOften(error) => error.into(),
            EraseError::Passwords(error) => error.into(),
            EraseError::Store(error) => error.into(),
        }
    }
}

impl From<OnboardingError> for ApiError {
    fn from(error: OnboardingError) -> Self {
        match error {
            OnboardingError::StepCannotDecrease(refused) => Self::new(
                StatusCode::BAD_REQUEST,
                "step_cannot_decrease",
                "This step lies behind you; go on with the next one.",
            )
            .with("current_step", refused.current)
            .with("requested_step", refused.requested),
            OnboardingError::RoleRequired => Self::role_required(Role::Admin),
            OnboardingError::Gone => Self::session_ended(),
            OnboardingError::Store(error) => error.into(),
        }
    }
}

impl From<GrantError> for ApiError {
    fn from(error: GrantError) -> Self {
        let invalid = |field: &str, code, message: &str| {
            Self::validation(&[FieldError {
                field: field.to_owned(),
                code,
                message: message.to_owned(),
            }])
        };
        match error {
            GrantError::UnknownAccount => Self::account_not_found(),
            GrantError::Refused(GrantRefused::InvalidPlan) => Self::invalid_plan(),
            GrantError::Refused(GrantRefused::ReasonMissing) => {
                invalid("reason", "required", "Say why.")
            }
            GrantError::Refused(GrantRefused::EndIsPast) => {
                invalid("ends_at", "past", "Give an end that lies ahead, or none.")
            }
            GrantError::Refused(GrantRefused::AlreadyComplimentary) => Self::new(
                StatusCode::CONFLICT,
                "already_complimentary",
                "This account is complimentary; end that first to give another plan.",
            ),
            GrantError::Store(error) => error.into(),
        }
    }
}

impl From<HandOutError> for ApiError {
    fn from(error: HandOutError) -> Self {
        match error {
            HandOutError::InvalidPlan => Self::invalid_plan(),
            HandOutError::EndIsPast => Self::validation(&[FieldError {
                field: "expires_at".to_owned(),
                code: "past",
                message: "Give an end that lies ahead, or none.".to_owned(),
            }]),
            HandOutError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeCodeError> for ApiError {
    fn from(error: RevokeCodeError) -> Self {
        match error {
            RevokeCodeError::UnknownCode => Self::invite_not_found(),
            RevokeCodeError::AlreadyUsed => Self::new(
                StatusCode::BAD_REQUEST,
                "invite_already_accepted",
                "Somebody has signed up with this code; suspend their account instead.",
            ),
            RevokeCodeError::Store(error) => error.into(),
        }
    }
}

impl From<EndGrantError> for ApiError {
    fn from(error: EndGrantError) -> Self {
        match error {
            EndGrantError::UnknownAccount => Self::account_not_found(),
            EndGrantError::NotComplimentary => Self::new(
                StatusCode::CONFLICT,
                "not_complimentary",
                "This account is not complimentary; there is nothing to end.",
            ),
            EndGrantError::Store(error) => error.into(),
        }
    }
}

/// The whole chain of causes, for the operator alone.
fn log(error: &dyn Error) {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        chain.push_str(": ");
        chain.push_str(&next.to_string());
        cause = next.source();
    }
    tracing::error!(error = chain, "a request failed on our side");
}
