//! What operators see of the calls: how many, how they ended, how long they took.

use std::time::Duration;

use hyper::StatusCode;
use metrics::{counter, histogram};
use stripe_client_core::{RequestBuilder, StripeMethod};

use crate::{
    answer::refusal,
    transport::{Answer, ExchangeError},
};

const KEY_REUSED: &str = "key_reused";

/// One try, of however many the call takes.
pub(crate) fn tried(request: &RequestBuilder, outcome: &Result<Answer, ExchangeError>) {
    let name = match outcome {
        Ok(answer) => answered(answer),
        Err(ExchangeError::NotSent(_)) => "not_sent",
        Err(ExchangeError::Request(_)) => "request_invalid",
        Err(ExchangeError::Connection(_)) => "no_connection",
        Err(ExchangeError::Timeout) => "no_answer",
        Err(ExchangeError::TooLarge) => "too_large",
    };
    counter!("stripe_calls_total", "call" => call(request), "outcome" => name).increment(1);
    if name == KEY_REUSED {
        tracing::error!(
            path = request.path,
            "an idempotency key was used for another question than before"
        );
    }
}

/// How long Stripe took to answer, or to fail to.
pub(crate) fn took(request: &RequestBuilder, time: Duration) {
    histogram!("stripe_call_seconds", "call" => call(request)).record(time);
}

fn answered(answer: &Answer) -> &'static str {
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limited",
        StatusCode::CONFLICT => "conflict",
        status if status.is_success() => "ok",
        status if status.is_server_error() => "failed",
        _ if refusal(answer).is_some_and(|refusal| refusal.is_key_reused()) => KEY_REUSED,
        _ => "refused",
    }
}

/// Method and path, with `:id` for whatever is no word of Stripe's: those are in small letters.
fn call(request: &RequestBuilder) -> String {
    let method = match request.method {
        StripeMethod::Get => "GET",
        StripeMethod::Post => "POST",
        StripeMethod::Delete => "DELETE",
    };
    let is_word = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let path = request.path.split('/');
    let path: Vec<_> = path
        .map(|part| if is_word(part) { part } else { ":id" })
        .collect();
    format!("{method} {}", path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_alike_whatever_it_is_about() {
        for (method, path, named) in [
            (StripeMethod::Post, "/customers", "POST /customers"),
            (
                StripeMethod::Get,
                "/subscriptions/sub_1MowQVLkdIwHu7ix",
                "GET /subscriptions/:id",
            ),
            (
                StripeMethod::Post,
                "/checkout/sessions/cs_test_a11YYufWQzNY63zpQ6/expire",
                "POST /checkout/sessions/:id/expire",
            ),
            (
                StripeMethod::Post,
                "/billing_portal/sessions",
                "POST /billing_portal/sessions",
            ),
        ] {
            assert_eq!(call(&RequestBuilder::new(method, path)), named);
        }
    }
}
