//! tollgate-use-cases
