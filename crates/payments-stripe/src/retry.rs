//! Whether a call is tried again, and after what pause. No clock, no randomness: callers measure.

use std::{error::Error, time::Duration};

use hyper::StatusCode;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tollgate_use_cases::ports::PaymentsError;

use crate::{
    answer::refusal,
    breaker::Health,
    transport::{Answer, ExchangeError},
};

/// The longest pause of our own making, however often was tried.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// What to make of one try.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// An answer to act on, be it a refusal.
    Final(Answer),
    /// Nothing was learnt, and the next try may succeed.
    Again(Failure),
    /// Every further try would end alike.
    Hopeless(PaymentsError),
}

/// Why a try taught us nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How long Stripe asks us to wait.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) source: Box<dyn Error + Send + Sync>,
}

/// Stripe is there and cannot answer now.
#[derive(Debug, Error)]
#[error("status {status} (request {request_id:?})")]
struct Passing {
    status: StatusCode,
    /// What Stripe's support asks for.
    request_id: Option<String>,
}

/// Another question was asked under this key before. A defect of ours.
#[derive(Debug, Error)]
#[error("the key stands for other parameters (request {request_id:?})")]
struct KeyReused {
    /// What Stripe's support asks for.
    request_id: Option<String>,
}

impl From<Failure> for PaymentsError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable {
            retry_after: failure.retry_after,
            source: failure.source,
        }
    }
}

/// Judges one try. <https://docs.stripe.com/error-low-level>
///
/// Every call may be repeated: what changes something carries its idempotency key, and what carries
/// none (closing a page, opening a portal) does no harm twice.
pub(crate) fn judge(tried: Result<Answer, ExchangeError>) -> Verdict {
    match tried {
        Ok(answer) if is_passing(&answer) => judge_passing(&answer),
        Ok(answer) if is_key_reused(&answer) => {
            Verdict::Hopeless(PaymentsError::KeySpent(Box::new(KeyReused {
                request_id: answer.request_id().map(str::to_owned),
            })))
        }
        Ok(answer) => Verdict::Final(answer),
        Err(error @ (ExchangeError::Connection(_) | ExchangeError::Timeout)) => {
            Verdict::Again(Failure {
                retry_after: None,
                source: error.into(),
            })
        }
        Err(ExchangeError::NotSent(error)) => Verdict::Hopeless(
            Failure {
                retry_after: Some(error.retry_after()),
                source: error.into(),
            }
            .into(),
        ),
        Err(error @ ExchangeError::TooLarge) => Verdict::Hopeless(PaymentsError::Unreadable {
            what: error.to_string(),
        }),
        Err(error @ ExchangeError::Request(_)) => Verdict::Hopeless(PaymentsError::Refused {
            code: "request_invalid".to_owned(),
            message: error.to_string(),
        }),
    }
}

fn judge_passing(answer: &Answer) -> Verdict {
    let failure = Failure {
        retry_after: answer.retry_after(),
        source: Box::new(Passing {
            status: answer.status,
            request_id: answer.request_id().map(str::to_owned),
        }),
    };
    // Stripe keeps a 500 for its key and would only repeat it.
    if answer.should_retry().unwrap_or(true) && !answer.is_replayed() {
        Verdict::Again(failure)
    } else {
        Verdict::Hopeless(PaymentsError::KeySpent(failure.source))
    }
}

/// What a try says about Stripe. What is replayed speaks of an earlier moment, too many calls are ours to
/// mend, and an answer that did not come in time may have had little time to: how long it took tells.
pub(crate) fn health(tried: &Result<Answer, ExchangeError>) -> Health {
    match tried {
        Ok(answer) if answer.status.is_server_error() && !answer.is_replayed() => Health::Bad,
        Ok(_) | Err(ExchangeError::TooLarge) => Health::Well,
        Err(ExchangeError::Connection(_)) => Health::Bad,
        Err(ExchangeError::Timeout | ExchangeError::Request(_) | ExchangeError::NotSent(_)) => {
            Health::Unknown
        }
    }
}

/// Whether the trouble is Stripe's and of the moment, so that the answer says nothing about the call.
fn is_passing(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::CONFLICT => {
            answer.should_retry() == Some(true)
                || refusal(answer).is_some_and(|refusal| refusal.is_key_in_use())
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::FAILED_DEPENDENCY => true,
        status => status.is_server_error(),
    }
}

fn is_key_reused(answer: &Answer) -> bool {
    answer.status == StatusCode::BAD_REQUEST
        && refusal(answer).is_some_and(|refusal| refusal.is_key_reused())
}

/// How long to wait after the `tried`th try (from 1) of the call named `name`: full jitter below a
/// bound that doubles from `first`, and never less than Stripe asked for.
///
/// The jitter is drawn from the name, so that calls spread while one call repeats itself exactly.
pub(crate) fn pause(name: &str, tried: u32, first: Duration, asked: Option<Duration>) -> Duration {
    let bound = first
        .saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1)))
        .min(LONGEST_PAUSE);
    let ours = bound.mul_f64(fraction(name, tried));
    ours.max(asked.unwrap_or_default())
}

/// Between 0 and 1, evenly over names and tries.
fn fraction(name: &str, tried: u32) -> f64 {
    let digest = Sha256::new()
        .chain_update(tried.to_be_bytes())
        .chain_update(name)
        .finalize();
    let drawn = digest
        .iter()
        .take(4)
        .fold(0_u32, |drawn, byte| drawn << 8 | u32::from(*byte));
    f64::from(drawn) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);

    #[test]
    fn pauses_grow_to_a_bound_and_differ_between_calls() {
        for tried in 1..=40 {
            let bound = FIRST
                .saturating_mul(1 << (tried - 1).min(6))
                .min(LONGEST_PAUSE);
            assert!(pause("checkout:1", tried, FIRST, None) <= bound, "{tried}");
        }
        assert_ne!(
            pause("checkout:1", 1, FIRST, None),
            pause("checkout:2", 1, FIRST, None)
        );
        assert_ne!(
            pause("checkout:1", 3, FIRST, None),
            pause("checkout:1", 4, FIRST, None)
        );
    }

    #[test]
    fn a_pause_that_stripe_asks_for_is_kept() {
        let asked = Duration::from_secs(9);
        assert_eq!(pause("checkout:1", 1, FIRST, Some(asked)), asked);
    }

    #[test]
    fn jitter_is_spread_over_the_whole_range() {
        let drawn: Vec<f64> = (0..1000).map(|n| fraction(&n.to_string(), 1)).collect();
        for tenth in 0..10 {
            let low = f64::from(tenth) / 10.0;
            let inside = drawn
                .iter()
                .filter(|f| (low..low + 0.1).contains(*f))
                .count();
            assert!((60..140).contains(&inside), "{inside} of 1000 from {low}");
        }
    }
}
