//! A person signs out: the session and its refresh tokens end, on every node at the next request.

use crate::{
    App,
    ports::{AccessClaims, Sessions, StoreError},
};

/// Signing out twice is fine.
pub async fn sign_out(app: &App, claims: &AccessClaims) -> Result<(), StoreError> {
    app.store
        .end_sessions(
            claims.user,
            Sessions::One(claims.session),
            "signed_out",
            app.clock.now(),
        )
        .await?;
    Ok(())
}
