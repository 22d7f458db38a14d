//! tollgate-entitlements
