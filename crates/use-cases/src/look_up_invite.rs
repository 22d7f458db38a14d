//! Whoever has the code of an invitation sees what it is for, before they sign up or in.

use thiserror::Error;
use tollgate_identity::limit;

use crate::{
    App, JoinError, Session, TooOften, join_account::find_for_anybody, keyed::token_hash,
    ports::Invitation,
};

#[derive(Debug, Error)]
pub enum LookUpError {
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error(transparent)]
    TooOften(#[from] TooOften),
}

pub async fn look_up_invite(
    app: &App,
    code: &str,
    origin: &Session,
) -> Result<Invitation, LookUpError> {
    app.try_from_network(limit::INVITE_LOOKUP, origin).await?;
    Ok(find_for_anybody(app, &token_hash(code), app.clock.now()).await?)
}
