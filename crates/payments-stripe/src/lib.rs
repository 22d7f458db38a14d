//! tollgate-payments-stripe
