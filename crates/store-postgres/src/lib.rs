//! tollgate-store-postgres
