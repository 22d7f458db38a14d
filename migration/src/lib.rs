//! tollgate-migration
