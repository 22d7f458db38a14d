//! A person ends sessions of their own: a device that was lost, or all but the one in hand.

use tollgate_primitives::SessionId;

use crate::{
    App,
    ports::{Caller, Sessions, StoreError},
};

const CAUSE: &str = "ended_by_owner";

/// False when the caller has no such session, or it had ended before.
pub async fn end_own_session(
    app: &App,
    caller: &Caller,
    session: SessionId,
) -> Result<bool, StoreError> {
    let one = Sessions::One(session);
    let ended = app
        .store
        .end_sessions(caller.user, one, CAUSE, app.clock.now())
        .await?;
    Ok(ended == 1)
}

pub async fn end_other_sessions(app: &App, caller: &Caller) -> Result<(), StoreError> {
    let others = Sessions::AllBut(caller.session);
    app.store
        .end_sessions(caller.user, others, CAUSE, app.clock.now())
        .await?;
    Ok(())
}
