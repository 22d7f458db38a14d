//! Whether a text may become somebody's password, judged where it holds up nobody else.

use std::{sync::Arc, time::Duration};

use actix_web::web;
use tokio::{sync::Semaphore, time::timeout};
use tollgate_identity::{
    NewPassword,
    password::{Context, PasswordWeakness},
};
use tollgate_use_cases::ports::{PasswordOwner, PasswordsError};

use crate::http::error::{ApiError, FieldError};

/// How long a password waits to be judged.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Where new passwords are judged. One can take a tenth of a second of a core, so it is done off the
/// threads that answer, and so many at once that sign-ins go on.
#[derive(Debug)]
pub(crate) struct Judging(Arc<Semaphore>);

impl Judging {
    pub(crate) fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Turned away as `busy` when there was no place in time.
    pub(super) async fn judge<T: Send + 'static>(
        &self,
        check: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = timeout(LONGEST_WAIT, self.0.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            let retry_after = LONGEST_WAIT;
            return Err(PasswordsError::Busy { retry_after }.into());
        };
        // The place belongs to the work, not to the request: who hangs up frees no core.
        let checked = web::block(move || {
            let _place = place;
            check()
        });
        checked.await.map_err(|_| ApiError::internal())?
    }

    /// The password that `owner` may set.
    pub(super) async fn new_password(
        &self,
        text: String,
        owner: &PasswordOwner,
    ) -> Result<NewPassword, ApiError> {
        let (email, name, company) = (
            owner.email.clone(),
            owner.name.clone(),
            owner.company.clone(),
        );
        self.judge(move || {
            let context = Context {
                email: &email,
                name: &name,
                company: company.as_deref(),
            };
            NewPassword::check(&text, &context).map_err(|weaknesses| {
                let fields = weaknesses
                    .into_iter()
                    .map(|found| weakness("new_password", found));
                ApiError::validation(&fields.collect::<Vec<_>>())
            })
        })
        .await
    }
}

pub(super) fn weakness(field: &str, weakness: PasswordWeakness) -> FieldError {
    FieldError {
        field: field.to_owned(),
        code: weakness.code(),
        message: weakness.to_string(),
    }
}
