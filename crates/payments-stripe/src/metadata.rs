//! What Stripe keeps for us beside an object: for people who look at its dashboard, for reconciliation,
//! and to find what a lost answer made. Nothing is granted by it.

use std::collections::HashMap;

use tollgate_primitives::{AccountId, ReservationId};

pub(crate) const ACCOUNT: &str = "tollgate_account";
pub(crate) const RESERVATION: &str = "tollgate_reservation";

pub(crate) fn metadata(
    account: AccountId,
    reservation: Option<ReservationId>,
) -> HashMap<String, String> {
    let account = (ACCOUNT.to_owned(), account.to_string());
    let reservation = reservation.map(|id| (RESERVATION.to_owned(), id.to_string()));
    [account].into_iter().chain(reservation).collect()
}
