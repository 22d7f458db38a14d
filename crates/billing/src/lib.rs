//! tollgate-billing
