//! tollgate-identity
