//! tollgate-mail-smtp
