//! Whether a text may become somebody's password, judged where it holds up nobody else.

use std::{sync::Arc, time::Duration};

use actix_web::web;
use tokio::{sync::Semaphore, time::timeout};
use tollgate_identity::{
    NewPassword, Password,
    password::{Context, PasswordWeakness},
};
use tollgate_use_cases::ports::{PasswordOwner, PasswordsError};

use crate::{
    http::error::{ApiError, FieldError},
    leaked_passwords::LeakedPasswords,
};

/// How long a password waits to be judged.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Where new passwords are judged. One can take a tenth of a second of a core, so it is done off the
/// threads that answer, and so many at once that sign-ins go on.
#[derive(Debug)]
pub(crate) struct Judging {
    places: Arc<Semaphore>,
    judge: Judge,
}

/// Judges on the thread that it is asked on, which may take as long.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    leaked: Option<Arc<LeakedPasswords>>,
}

impl Judge {
    pub(super) fn password(
        &self,
        text: &str,
        context: &Context<'_>,
    ) -> Result<NewPassword, Vec<PasswordWeakness>> {
        let password = NewPassword::check(text, context)?;
        if self.has_leaked(password.as_password()) {
            return Err(vec![PasswordWeakness::Leaked]);
        }
        Ok(password)
    }

    /// A file that cannot be read any more shuts nobody out.
    fn has_leaked(&self, password: &Password) -> bool {
        let Some(leaked) = &self.leaked else {
            return false;
        };
        leaked.contain(password).unwrap_or_else(|error| {
            tracing::error!(%error, "the file of leaked passwords cannot be read");
            false
        })
    }
}

impl Judging {
    pub(crate) fn new(at_once: usize, leaked: Option<Arc<LeakedPasswords>>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once)),
            judge: Judge { leaked },
        }
    }

    /// Turned away as `busy` when there was no place in time.
    pub(super) async fn judge<T: Send + 'static>(
        &self,
        check: impl FnOnce(&Judge) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = timeout(LONGEST_WAIT, self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            let retry_after = LONGEST_WAIT;
            return Err(PasswordsError::Busy { retry_after }.into());
        };
        // The place belongs to the work, not to the request: who hangs up frees no core.
        let judge = self.judge.clone();
        let checked = web::block(move || {
            let _place = place;
            check(&judge)
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
        self.judge(move |judge| {
            let context = Context {
                email: &email,
                name: &name,
                company: company.as_deref(),
            };
            judge.password(&text, &context).map_err(|weaknesses| {
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
