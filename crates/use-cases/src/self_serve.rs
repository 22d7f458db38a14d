//! Whether people sign up by themselves, as whoever asks may know it.

use crate::{
    App,
    ports::{Caller, StoreError},
};

/// Nobody learns from it whose address is a tester's but the tester.
pub async fn is_self_serve(app: &App, caller: Option<&Caller>) -> Result<bool, StoreError> {
    let email = match caller {
        Some(caller) => app
            .store
            .mailbox(caller.user)
            .await?
            .map(|(email, ..)| email),
        None => None,
    };
    Ok(app.settings.admission.is_open_to(email.as_ref()))
}
