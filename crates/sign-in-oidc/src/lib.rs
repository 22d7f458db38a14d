//! tollgate-sign-in-oidc
