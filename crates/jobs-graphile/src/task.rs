//! Between the engine's tasks and the [`Handler`]: reads the order, counts how it went, and gives up
//! what cannot succeed.

use std::{any::Any, error::Error, fmt, iter, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures_util::FutureExt as _;
use graphile_worker::{
    Crontab, CrontabFill, CrontabTimer, CrontabValue, DbExecutor as _, DbValue,
    IntoTaskHandlerResult, TaskHandler, WorkerContext, WorkerOptions,
};
use metrics::{counter, histogram};
use serde::{Deserialize, Serialize};
use tollgate_primitives::JobKey;
use tollgate_use_cases::ports::JobKind;
use tracing::{error, warn};

use crate::{Handler, JobError};

/// A job's payload: what to do, and the key that whatever it does outside must carry.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    key: JobKey,
    #[serde(flatten)]
    kind: JobKind,
}

/// Makes a task of each kind of job under its own name, so that a worker of an older release leaves
/// alone what it does not know.
macro_rules! tasks {
    ($($kind:ident = $name:literal),+ $(,)?) => {
        $(
            #[derive(Serialize, Deserialize)]
            #[serde(transparent)]
            struct $kind(Order);

            impl TaskHandler for $kind {
                const IDENTIFIER: &'static str = $name;

                async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
                    carry_out(self.0, &context).await
                }
            }
        )+

        pub(crate) fn define_all(options: WorkerOptions) -> WorkerOptions {
            options$(.define_job::<$kind>())+
        }

        #[cfg(test)]
        fn identifier(kind: &JobKind) -> &'static str {
            match kind {
                $(JobKind::$kind { .. } => $name,)+
            }
        }
    };
}

tasks! {
    MailVerification = "mail_verification",
    MailPasswordReset = "mail_password_reset",
    MailPasswordChanged = "mail_password_changed",
    MailSecurityNotice = "mail_security_notice",
    MailSalesLead = "mail_sales_lead",
    MailPaymentFailed = "mail_payment_failed",
    MailTrialEnding = "mail_trial_ending",
    MailInvite = "mail_invite",
    MailInviteExpiring = "mail_invite_expiring",
    MailTeamNotice = "mail_team_notice",
    AnnounceTrialEnd = "announce_trial_end",
    MailTrialNotice = "mail_trial_notice",
    RetryEvent = "retry_event",
    ReadSubscription = "read_subscription",
    FinishChange = "finish_change",
    ExpireCheckout = "expire_checkout",
    EndSubscription = "end_subscription",
    EndSecondSubscription = "end_second_subscription",
    ForgetCustomer = "forget_customer",
    Reconcile = "reconcile",
    Prune = "prune",
}

/// Tries of an order that comes anew every minute: enough to outlive the worker that took it.
const TRIES_WITHIN_A_MINUTE: u16 = 3;

/// Orders `kind` at the beginning of each minute; an order that still waits then is replaced.
pub(crate) fn every_minute(kind: &JobKind) -> Crontab {
    let mut crontab = ordered(kind, "every-minute", CrontabTimer::every_minute());
    crontab.options.max = Some(TRIES_WITHIN_A_MINUTE);
    crontab
}

/// Orders `kind` once a day, when it is night in Europe and early in the day of Asia. A day in which
/// nobody was there to is made up for.
pub(crate) fn every_day(kind: &JobKind) -> Crontab {
    let timer = CrontabTimer {
        minutes: vec![CrontabValue::Number(30)],
        hours: vec![CrontabValue::Number(2)],
        ..CrontabTimer::default()
    };
    let mut crontab = ordered(kind, "every-day", timer);
    crontab.options.fill = Some(CrontabFill::days(1));
    crontab
}

fn ordered(kind: &JobKind, often: &str, timer: CrontabTimer) -> Crontab {
    let key = JobKey::new(kind.name(), often);
    let mut crontab = Crontab::new(timer, kind.name());
    crontab.options.job_key = Some(key.as_str().to_owned());
    let kind = kind.clone();
    // An order is a map of plain values, which JSON always has words for.
    crontab.payload = serde_json::to_value(Order { key, kind }).ok();
    crontab
}

/// An error with its causes, as one line; the engine keeps it with the job.
struct Reason(String);

impl Reason {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let causes = iter::successors(Some(error), |&error| error.source());
        Self(
            causes
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(": "),
        )
    }
}

/// The engine writes the `Debug` of an error.
impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

async fn carry_out(Order { key, kind }: Order, context: &WorkerContext) -> Result<(), Reason> {
    let name = kind.name();
    let started = Instant::now();
    let job = context.job();
    let attempt = u32::from(job.attempts().unsigned_abs());
    let outcome = match context.get_ext::<Arc<dyn Handler>>() {
        Some(handler) => {
            let run = handler.run(key.clone(), kind, attempt);
            let outcome = AssertUnwindSafe(run).catch_unwind().await;
            outcome.unwrap_or_else(|panic| Err(JobError::Retry(panic_message(&*panic).into())))
        }
        None => Err(JobError::Retry("the worker has no handler".into())),
    };
    histogram!("job_seconds", "kind" => name).record(started.elapsed());

    let (error, is_dead) = match outcome {
        Ok(()) => {
            counter!("jobs_total", "kind" => name, "result" => "done").increment(1);
            return Ok(());
        }
        Err(JobError::Retry(error)) => (error, job.attempts() >= job.max_attempts()),
        Err(JobError::Dead(error)) => {
            give_up(context).await;
            (error, true)
        }
    };
    let reason = Reason::of(&*error);
    if is_dead {
        counter!("jobs_total", "kind" => name, "result" => "dead").increment(1);
        error!(%key, kind = name, attempt, ?reason, "a job became a dead letter");
    } else {
        counter!("jobs_total", "kind" => name, "result" => "failed").increment(1);
        warn!(%key, kind = name, attempt, ?reason, "a job failed and will be tried again");
    }
    Err(reason)
}

/// Leaves the job no further attempt. The engine's function for this leaves alone a job that runs.
async fn give_up(context: &WorkerContext) {
    let sql = "UPDATE graphile_worker._private_jobs SET attempts = max_attempts \
               WHERE id = $1 AND locked_by = $2";
    let params = vec![
        DbValue::I64(*context.job().id()),
        DbValue::Text(context.worker_id().to_owned()),
    ];
    if let Err(error) = context.database().execute(sql, params.into()).await {
        warn!(%error, "a job could not be given up and will be tried again");
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", message.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use tollgate_primitives::Timestamp;
    use tollgate_use_cases::ports::{CheckoutSessionId, NoticeId};

    use super::*;

    #[expect(clippy::too_many_lines, reason = "one of each")]
    fn one_of_each() -> [JobKind; 20] {
        let id = uuid::Uuid::from_u128;
        let event = NoticeId("evt_1".into());
        [
            JobKind::MailVerification {
                user: tollgate_primitives::UserId::from_uuid(id(1)),
                token: tollgate_primitives::TokenId::from_uuid(id(2)),
            },
            JobKind::MailPasswordReset {
                user: tollgate_primitives::UserId::from_uuid(id(1)),
                token: tollgate_primitives::TokenId::from_uuid(id(2)),
                asked_at: Timestamp::MAX,
            },
            JobKind::MailPasswordChanged {
                user: tollgate_primitives::UserId::from_uuid(id(1)),
            },
            JobKind::MailSecurityNotice {
                user: tollgate_primitives::UserId::from_uuid(id(1)),
                notice: serde_json::from_str(r#"{"what":"session_stolen"}"#).unwrap(),
            },
            JobKind::MailPaymentFailed {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                to: tollgate_primitives::UserId::from_uuid(id(1)),
                failure: serde_json::from_value(serde_json::json!({
                    "subscription": "sub_1",
                    "attempt": 2,
                    "failed_at": Timestamp::MIN,
                    "next_attempt": Timestamp::MAX,
                }))
                .unwrap(),
            },
            JobKind::MailTrialEnding {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                to: tollgate_primitives::UserId::from_uuid(id(1)),
                ends_at: Timestamp::MAX,
            },
            JobKind::MailInvite {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                invite: tollgate_primitives::InviteId::from_uuid(id(5)),
                code: tollgate_primitives::TokenId::from_uuid(id(2)),
            },
            JobKind::MailInviteExpiring {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                invite: tollgate_primitives::InviteId::from_uuid(id(5)),
                code: tollgate_primitives::TokenId::from_uuid(id(2)),
            },
            JobKind::MailTeamNotice {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                to: tollgate_primitives::UserId::from_uuid(id(1)),
                notice: serde_json::from_str(r#"{"what":"role_changed","role":"admin"}"#).unwrap(),
            },
            JobKind::AnnounceTrialEnd {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                notice: serde_json::from_str(r#""ends_soon""#).unwrap(),
                ends_at: Timestamp::MAX,
            },
            JobKind::MailTrialNotice {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                to: tollgate_primitives::UserId::from_uuid(id(1)),
                notice: serde_json::from_str(r#""ended""#).unwrap(),
                ends_at: Timestamp::MAX,
            },
            JobKind::RetryEvent { event },
            JobKind::ReadSubscription {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                subscription: serde_json::from_str(r#""sub_1""#).unwrap(),
            },
            JobKind::EndSubscription {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                subscription: serde_json::from_str(r#""sub_1""#).unwrap(),
                gives_back: true,
            },
            JobKind::FinishChange {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                change: tollgate_primitives::ChangeId::from_uuid(id(4)),
            },
            JobKind::ExpireCheckout {
                session: CheckoutSessionId("cs_1".into()),
            },
            JobKind::EndSecondSubscription {
                account: tollgate_primitives::AccountId::from_uuid(id(3)),
                subscription: serde_json::from_str(r#""sub_1""#).unwrap(),
            },
            JobKind::ForgetCustomer {
                customer: serde_json::from_str(r#""cus_1""#).unwrap(),
            },
            JobKind::Reconcile {},
            JobKind::Prune {},
        ]
    }

    #[test]
    fn every_kind_of_job_has_a_task_under_its_own_name() {
        for kind in one_of_each() {
            assert_eq!(identifier(&kind), kind.name());
        }
    }

    #[test]
    fn an_order_is_the_kind_of_job_with_its_key_beside_it() {
        for kind in one_of_each() {
            let mut payload = serde_json::to_value(&kind).unwrap();
            payload["key"] = "what:id".into();
            let order: Order = serde_json::from_value(payload).unwrap();
            assert_eq!(order.kind, kind);
            assert_eq!(order.key, JobKey::new("what", "id"));
        }
    }

    #[test]
    fn a_reason_names_every_cause_in_one_line() {
        let cause = JobError::Retry("no route".into());
        assert_eq!(Reason::of(&cause).0, "the job failed: no route");
    }
}
