//! A refresh token is exchanged for the next one. Used twice, it ends the family it belongs to, unless
//! the second use is the same moment's: twenty tabs, or an answer that was lost.

use thiserror::Error;
use tollgate_identity::session::{self, Rotation};
use tollgate_primitives::JobKey;

use crate::{
    App, Tokens,
    app::Holder,
    keyed::RefreshToken,
    ports::{Job, JobKind, RefreshRow, SecurityNotice, Sessions, StoreError},
};

#[derive(Debug, Error)]
pub enum RefreshError {
    #[error("the session has ended")]
    Revoked,
    #[error("the session was not used for too long")]
    Expired,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn refresh_session(app: &App, presented: &str) -> Result<Tokens, RefreshError> {
    let presented = RefreshToken::parse(presented).ok_or(RefreshError::Revoked)?;
    let now = app.clock.now();
    let successor = app.key.next_refresh_token(&presented);
    let row = app.refresh_row(&successor, session::expires_at(now, now), now);
    if let Some(found) = app
        .store
        .rotate_refresh(&presented.hash(), &row, now)
        .await?
    {
        return Ok(app.tokens(holder(&found), &successor, now));
    }
    let found = app
        .store
        .refresh_row(&presented.hash())
        .await?
        .ok_or(RefreshError::Revoked)?;
    match session::rotate(&found.state, now) {
        Rotation::RepeatSuccessor => Ok(app.tokens(holder(&found), &successor, now)),
        Rotation::Expired => Err(RefreshError::Expired),
        Rotation::EndFamily => end_family(app, &found).await,
        // Ended, or it could not be consumed and yet looks unused: taken by nobody, trusted by nobody.
        Rotation::Revoked | Rotation::Rotate { .. } => Err(RefreshError::Revoked),
    }
}

fn holder(row: &RefreshRow) -> Holder {
    Holder {
        user: row.user,
        session: row.session,
        account: row.account,
    }
}

async fn end_family(app: &App, found: &RefreshRow) -> Result<Tokens, RefreshError> {
    tracing::warn!(session = %found.session, "a used refresh token came back; its family ends");
    let (now, one) = (app.clock.now(), Sessions::One(found.session));
    let mut tx = app.store.begin().await?;
    let ended = tx.end_sessions(found.user, one, "refresh_token_reused", now);
    if ended.await? > 0 {
        let key = JobKey::new("mail-session-stolen", found.session);
        let kind = JobKind::MailSecurityNotice {
            user: found.user,
            notice: SecurityNotice::SessionStolen,
        };
        tx.enqueue(&Job::now(key, kind)).await?;
    }
    tx.commit().await?;
    Err(RefreshError::Revoked)
}
