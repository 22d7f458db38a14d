//! tollgate-stripe-sandbox
