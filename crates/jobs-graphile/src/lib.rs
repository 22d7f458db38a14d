//! tollgate-jobs-graphile
