//! tollgate-primitives
