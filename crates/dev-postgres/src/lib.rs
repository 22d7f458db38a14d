//! tollgate-dev-postgres
