//! tollgate-mailbox
