//! Answers kept for idempotency keys, as Stripe keeps them: for 24 hours, errors included, for the
//! same parameters only (<https://docs.stripe.com/api/idempotent_requests>).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{calendar::DAY, errors::StripeError};

/// What was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) request_id: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    fingerprint: String,
    created: i64,
    /// None while the first call is still under way.
    answer: Option<Answer>,
}

/// What a key says about a call.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Nobody used the key: carry the call out, then [`Answers::keep`] or [`Answers::release`].
    New,
    Replay(Answer),
    Refused(StripeError),
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answers {
    kept: HashMap<String, Kept>,
}

/// Tells two calls apart: method, path and body.
pub(crate) fn fingerprint(method: &str, path: &str, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    for part in [method.as_bytes(), b" ", path.as_bytes(), b"\n", body] {
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

impl Answers {
    pub(crate) fn claim(&mut self, key: &str, fingerprint: &str, now: i64) -> Claim {
        self.kept.retain(|_, kept| kept.created + DAY > now);
        match self.kept.get(key) {
            None => {
                let kept = Kept {
                    fingerprint: fingerprint.to_owned(),
                    created: now,
                    answer: None,
                };
                self.kept.insert(key.to_owned(), kept);
                Claim::New
            }
            Some(kept) if kept.fingerprint != fingerprint => Claim::Refused(other_parameters(key)),
            Some(Kept {
                answer: Some(answer),
                ..
            }) => Claim::Replay(answer.clone()),
            Some(Kept { answer: None, .. }) => Claim::Refused(in_use(key)),
        }
    }

    pub(crate) fn keep(&mut self, key: &str, answer: Answer) {
        if let Some(kept) = self.kept.get_mut(key) {
            kept.answer = Some(answer);
        }
    }

    pub(crate) fn release(&mut self, key: &str) {
        self.kept.remove(key);
    }

    /// Forgets calls that were under way when the process ended.
    pub(crate) fn forget_unfinished(&mut self) {
        self.kept.retain(|_, kept| kept.answer.is_some());
    }
}

fn other_parameters(key: &str) -> StripeError {
    StripeError {
        kind: "idempotency_error",
        ..StripeError::invalid(format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        ))
    }
}

/// The key's first call is still under way.
pub(crate) fn in_use(key: &str) -> StripeError {
    StripeError {
        status: 409,
        ..StripeError::invalid(format!(
            "There is currently another in-progress request using this Idempotent Key ({key}). Please try again later."
        ))
    }
    .with_code("idempotency_key_in_use")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            status: 500,
            body: Value::Null,
            request_id: "req_1".into(),
        }
    }

    #[test]
    fn a_kept_answer_is_replayed_for_the_same_call_only_and_for_a_day() {
        let mut answers = Answers::default();
        assert!(matches!(answers.claim("k", "one", 0), Claim::New));
        assert!(
            matches!(answers.claim("k", "one", 0), Claim::Refused(error) if error.status == 409)
        );
        answers.keep("k", answer());
        assert!(matches!(answers.claim("k", "one", 1), Claim::Replay(kept) if kept == answer()));
        assert!(
            matches!(answers.claim("k", "two", 1), Claim::Refused(error) if error.kind == "idempotency_error")
        );
        assert!(matches!(answers.claim("k", "two", DAY), Claim::New));
    }

    #[test]
    fn a_released_key_is_free_again() {
        let mut answers = Answers::default();
        answers.claim("k", "one", 0);
        answers.release("k");
        assert!(matches!(answers.claim("k", "two", 0), Claim::New));
    }
}
