//! Every route with who may call it and what guards it. A test walks this table and fails on a route
//! that answers otherwise, or that is missing here.

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Public,
    /// Anybody with an access token.
    User,
    /// An owner or admin of the account.
    Admin,
    /// An owner of the account.
    Owner,
    /// The holder of a refresh token.
    RefreshToken,
    /// Whoever can sign.
    Signature,
    /// An operator of the platform, on the operator's port alone.
    Super,
}

/// Where a route is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    Public,
    Operator,
}

/// What else must hold before a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// 402 without access to the product.
    pub active_subscription: bool,
    /// 403 when the address was not proven within its days of grace.
    pub verified_email: bool,
}

impl Guards {
    const NONE: Self = Self {
        active_subscription: false,
        verified_email: false,
    };
    /// What every route of the product itself asks for.
    const PRODUCT: Self = Self {
        active_subscription: true,
        verified_email: true,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub who: Who,
    pub guards: Guards,
}

impl Route {
    #[must_use]
    pub const fn port(&self) -> Port {
        match self.who {
            Who::Super => Port::Operator,
            Who::Public
            | Who::User
            | Who::Admin
            | Who::Owner
            | Who::RefreshToken
            | Who::Signature => Port::Public,
        }
    }
}

const fn route(method: &'static str, path: &'static str, who: Who, guards: Guards) -> Route {
    Route {
        method,
        path,
        who,
        guards,
    }
}

const fn operators(method: &'static str, path: &'static str) -> Route {
    route(method, path, Who::Super, Guards::NONE)
}

/// The whole API. Sign-in, billing and shrinking stay open to an account that has lost access: they
/// are its way back and its way out.
pub const ROUTES: &[Route] = &[
    route("POST", "/api/v1/auth/register", Who::Public, Guards::NONE),
    route("POST", "/api/v1/auth/login", Who::Public, Guards::NONE),
    route("POST", "/api/v1/auth/login/json", Who::Public, Guards::NONE),
    route(
        "POST",
        "/api/v1/auth/refresh",
        Who::RefreshToken,
        Guards::NONE,
    ),
    route("POST", "/api/v1/auth/logout", Who::User, Guards::NONE),
    route("GET", "/api/v1/auth/me", Who::User, Guards::NONE),
    route(
        "POST",
        "/api/v1/auth/password/change",
        Who::User,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/auth/password/forgot",
        Who::Public,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/auth/password/reset",
        Who::Public,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/auth/email/send-verification",
        Who::User,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/auth/email/verify",
        Who::Public,
        Guards::NONE,
    ),
    route("GET", "/api/v1/auth/sessions", Who::User, Guards::NONE),
    route("DELETE", "/api/v1/auth/sessions", Who::User, Guards::NONE),
    route(
        "DELETE",
        "/api/v1/auth/sessions/{id}",
        Who::User,
        Guards::NONE,
    ),
    route(
        "GET",
        "/api/v1/auth/{provider}/authorize",
        Who::Public,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/auth/{provider}/callback",
        Who::Public,
        Guards::NONE,
    ),
    route("GET", "/api/v1/auth/identities", Who::User, Guards::NONE),
    route("POST", "/api/v1/auth/identities", Who::User, Guards::NONE),
    route(
        "POST",
        "/api/v1/auth/identities/complete",
        Who::User,
        Guards::NONE,
    ),
    route(
        "DELETE",
        "/api/v1/auth/identities/{id}",
        Who::User,
        Guards::NONE,
    ),
    route("PATCH", "/api/v1/users/me", Who::User, Guards::NONE),
    route("DELETE", "/api/v1/users/me", Who::User, Guards::NONE),
    route("GET", "/api/v1/users/me/export", Who::User, Guards::NONE),
    route(
        "PATCH",
        "/api/v1/users/me/onboarding-step",
        Who::User,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/users/me/onboarding-dismiss-rest",
        Who::User,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/users/me/ack-kept-banner",
        Who::User,
        Guards::NONE,
    ),
    // Beside /users/me, and open as it is: the list leads to a proven address and to a plan.
    route(
        "GET",
        "/api/v1/users/onboarding-status",
        Who::User,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/users/onboarding-dismiss",
        Who::User,
        Guards::NONE,
    ),
    route("PATCH", "/api/v1/accounts/me", Who::Admin, Guards::PRODUCT),
    route("POST", "/api/v1/sales-leads", Who::Public, Guards::NONE),
    route("POST", "/api/v1/beta-signup", Who::Public, Guards::NONE),
    route("GET", "/api/v1/plans/public", Who::Public, Guards::NONE),
    route("GET", "/api/v1/config/public", Who::Public, Guards::NONE),
    route("GET", "/api/v1/billing/state", Who::User, Guards::NONE),
    route(
        "POST",
        "/api/v1/billing/checkout-session",
        Who::Admin,
        Guards::NONE,
    ),
    route(
        "GET",
        "/api/v1/billing/portal-session",
        Who::Admin,
        Guards::NONE,
    ),
    route("POST", "/api/v1/subscriptions", Who::Admin, Guards::NONE),
    route(
        "POST",
        "/api/v1/subscriptions/complete/{id}",
        Who::Admin,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/billing/change-plan",
        Who::Admin,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/billing/change-plan/preview",
        Who::Admin,
        Guards::NONE,
    ),
    route("POST", "/api/v1/billing/cancel", Who::Admin, Guards::NONE),
    route("POST", "/api/v1/billing/keep", Who::Admin, Guards::NONE),
    route("GET", "/api/v1/billing/invoices", Who::Admin, Guards::NONE),
    route(
        "POST",
        "/api/v1/users/me/current-account",
        Who::User,
        Guards::NONE,
    ),
    route("GET", "/api/v1/accounts/me", Who::User, Guards::NONE),
    route(
        "GET",
        "/api/v1/accounts/me/subscription",
        Who::User,
        Guards::NONE,
    ),
    route(
        "GET",
        "/api/v1/accounts/me/members",
        Who::User,
        Guards::NONE,
    ),
    route(
        "PATCH",
        "/api/v1/accounts/me/members/{id}",
        Who::Admin,
        Guards::PRODUCT,
    ),
    // Everybody may leave; putting others out takes an admin.
    route(
        "DELETE",
        "/api/v1/accounts/me/members/{id}",
        Who::User,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/accounts/me/transfer-ownership",
        Who::Owner,
        Guards::PRODUCT,
    ),
    route(
        "GET",
        "/api/v1/accounts/me/invites",
        Who::Admin,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/accounts/me/invites",
        Who::Admin,
        Guards::PRODUCT,
    ),
    route(
        "POST",
        "/api/v1/accounts/me/invites/bulk",
        Who::Admin,
        Guards::PRODUCT,
    ),
    route(
        "DELETE",
        "/api/v1/accounts/me/invites/{id}",
        Who::Admin,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/accounts/me/invites/{id}/resend",
        Who::Admin,
        Guards::PRODUCT,
    ),
    route(
        "GET",
        "/api/v1/accounts/invites/{code}/lookup",
        Who::Public,
        Guards::NONE,
    ),
    // How the guest's own account stands says nothing about the one that invites; that one is asked
    // with its seats.
    route(
        "POST",
        "/api/v1/accounts/invites/{code}/accept",
        Who::User,
        Guards::NONE,
    ),
    route(
        "POST",
        "/api/v1/webhooks/stripe",
        Who::Signature,
        Guards::NONE,
    ),
    route("GET", "/api/v1/gate", Who::User, Guards::PRODUCT),
    operators("GET", "/api/v1/admin/webhook-events"),
    operators("GET", "/api/v1/admin/webhook-events/{id}"),
    operators("POST", "/api/v1/admin/webhook-events/{id}/replay"),
    operators("GET", "/api/v1/admin/jobs"),
    operators("POST", "/api/v1/admin/jobs/{id}/retry"),
    operators("GET", "/api/v1/admin/accounts"),
    operators("GET", "/api/v1/admin/accounts/{id}"),
    operators("DELETE", "/api/v1/admin/accounts/{id}"),
    operators("POST", "/api/v1/admin/accounts/{id}/complimentary"),
    operators("DELETE", "/api/v1/admin/accounts/{id}/complimentary"),
    operators("POST", "/api/v1/admin/accounts/{id}/suspend"),
    operators("DELETE", "/api/v1/admin/accounts/{id}/suspend"),
    operators("GET", "/api/v1/admin/invites"),
    operators("POST", "/api/v1/admin/invites"),
    operators("DELETE", "/api/v1/admin/invites/{id}"),
    operators("GET", "/api/v1/admin/sales-leads"),
    operators("PATCH", "/api/v1/admin/sales-leads/{id}"),
    operators("GET", "/api/v1/admin/audit-log"),
];

/// The methods that `path` answers on `port`.
pub(crate) fn methods_of(port: Port, path: &str) -> Vec<&'static str> {
    ROUTES
        .iter()
        .filter(|route| route.port() == port && leads_to(route.path, path))
        .map(|route| route.method)
        .collect()
}

/// Whether `path` is one of `pattern`, in which a segment like `{id}` stands for any.
fn leads_to(pattern: &str, path: &str) -> bool {
    let mut asked = path.split('/');
    let fits = pattern.split('/').all(|segment| {
        asked.next().is_some_and(|given| {
            given == segment || (segment.starts_with('{') && !given.is_empty())
        })
    });
    fits && asked.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_in_braces_stands_for_any_one() {
        for (pattern, path, fits) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a", false),
            ("/a", "/a/b", false),
            ("/a/{id}", "/a/7", true),
            ("/a/{id}", "/a/", false),
            ("/a/{id}", "/a/7/", false),
            ("/a/{id}/c", "/a/7/c", true),
            ("/a/{id}/c", "/a/7/d", false),
        ] {
            assert_eq!(leads_to(pattern, path), fits, "{pattern} {path}");
        }
    }
}
