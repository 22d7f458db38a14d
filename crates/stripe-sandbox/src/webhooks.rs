//! Tells the endpoint of events: signed, one after the other, again after a failure, and with the
//! injected faults. Stripe promises neither order nor a single delivery; the order here is the
//! events' own as long as nothing fails.

use std::{sync::Arc, time::Duration};

use actix_web::rt::time::{sleep, timeout};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    WebhookEndpoint,
    clock::wall_now,
    core::Core,
    faults::{Fault, Kind},
    state::event::DeliveryState,
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a reordered event waits for one to follow it.
const REORDER_WAIT: Duration = Duration::from_secs(2);

/// The `Stripe-Signature` header for a body: HMAC-SHA256 over `<timestamp>.<body>` under the whole
/// secret, in lower-case hex (<https://docs.stripe.com/webhooks/signature>).
#[must_use]
pub fn signature_header(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mut mac| {
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    });
    // HMAC takes keys of every length.
    format!("t={timestamp},v1={}", mac.unwrap_or_default())
}

/// Delivers what comes out of the queue until the queue is closed.
pub(crate) async fn deliver_all(
    core: Arc<Core>,
    client: reqwest::Client,
    mut queue: UnboundedReceiver<String>,
) {
    let courier = Courier { core, client };
    let mut held: Option<String> = None;
    loop {
        let next = if held.is_none() {
            queue.recv().await
        } else if let Ok(next) = timeout(REORDER_WAIT, queue.recv()).await {
            next
        } else {
            courier.deliver_held(&mut held).await;
            continue;
        };
        let Some(id) = next else { break };
        match courier.fault_for(&id) {
            Some(fault) if fault.kind == Kind::Reorder && held.is_none() => held = Some(id),
            fault => {
                courier.deliver(id, fault).await;
                courier.deliver_held(&mut held).await;
            }
        }
    }
}

/// One attempt's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Done,
    Failed,
}

/// An event on its way.
struct Letter {
    endpoint: WebhookEndpoint,
    signed_at: i64,
    body: Vec<u8>,
}

#[derive(Clone)]
struct Courier {
    core: Arc<Core>,
    client: reqwest::Client,
}

impl Courier {
    fn fault_for(&self, id: &str) -> Option<Fault> {
        self.core.aside(|inner| {
            let kind = inner.state.events.get(id)?.kind.clone();
            inner.faults.strike_event(&kind)
        })
    }

    async fn deliver_held(&self, held: &mut Option<String>) {
        if let Some(id) = held.take() {
            self.deliver(id, None).await;
        }
    }

    async fn deliver(&self, id: String, fault: Option<Fault>) {
        match fault.as_ref().map(|fault| fault.kind) {
            Some(Kind::Drop) => self.finish(&id, DeliveryState::Dropped),
            Some(Kind::Delay) => {
                let pause = Duration::from_millis(fault.map_or(0, |fault| fault.delay()));
                self.try_later(id, pause);
            }
            Some(Kind::Duplicate) => {
                // The event stays pending until its last copy is taken.
                if let Some(letter) = self.letter(&id) {
                    self.post(letter).await;
                }
                self.attempt_or_retry(id).await;
            }
            _ => self.attempt_or_retry(id).await,
        }
    }

    async fn attempt_or_retry(&self, id: String) {
        if self.attempt(&id).await == Attempt::Failed {
            self.try_later(id, FIRST_PAUSE);
        }
    }

    /// Tries again after a pause, and with ever longer ones until it succeeds.
    fn try_later(&self, id: String, first_pause: Duration) {
        let courier = self.clone();
        actix_web::rt::spawn(async move {
            let mut pause = first_pause;
            loop {
                sleep(pause).await;
                if courier.attempt(&id).await == Attempt::Done {
                    break;
                }
                pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            }
        });
    }

    async fn attempt(&self, id: &str) -> Attempt {
        let Some(letter) = self.letter(id) else {
            self.finish(id, DeliveryState::Unaddressed);
            return Attempt::Done;
        };
        let status = self.post(letter).await;
        let outcome = match status {
            Some(200..=299) => Attempt::Done,
            Some(_) | None => Attempt::Failed,
        };
        self.note(id, status, outcome);
        outcome
    }

    /// The status the endpoint answers with; none when it does not answer.
    async fn post(&self, letter: Letter) -> Option<u16> {
        let signature = signature_header(&letter.endpoint.secret, letter.signed_at, &letter.body);
        let answer = self
            .client
            .post(&letter.endpoint.url)
            .header("content-type", "application/json; charset=utf-8")
            .header("stripe-signature", signature)
            .header("user-agent", "Stripe/1.0 (sandbox)")
            .timeout(PATIENCE)
            .body(letter.body)
            .send()
            .await;
        answer.ok().map(|answer| answer.status().as_u16())
    }

    /// None when the event or the endpoint is gone.
    fn letter(&self, id: &str) -> Option<Letter> {
        self.core.read(|inner| {
            let state = &inner.state;
            let signed_at = if state.settings.sign_with_sandbox_clock {
                state.now
            } else {
                wall_now()
            };
            Some(Letter {
                endpoint: state.webhook.clone()?,
                signed_at,
                body: state.events.get(id)?.to_json().to_string().into_bytes(),
            })
        })
    }

    fn note(&self, id: &str, status: Option<u16>, outcome: Attempt) {
        self.core.write(|inner| {
            let Some(event) = inner.state.events.get_mut(id) else {
                return;
            };
            event.attempts += 1;
            event.last_status = status;
            if outcome == Attempt::Done {
                event.delivery = DeliveryState::Delivered;
            }
        });
        self.core.delivered.notify_waiters();
    }

    fn finish(&self, id: &str, delivery: DeliveryState) {
        self.core.write(|inner| {
            if let Some(event) = inner.state.events.get_mut(id) {
                event.delivery = delivery;
            }
        });
        self.core.delivered.notify_waiters();
    }
}

/// Waits until none of the events that `concerns` is pending any more. Answers whether that came
/// before the time was over.
pub(crate) async fn drained(
    core: &Core,
    patience: Duration,
    concerns: impl Fn(&str) -> bool,
) -> bool {
    let wait = async {
        loop {
            let rung = core.delivered.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            if !core.read(|inner| {
                inner
                    .state
                    .pending_events()
                    .any(|event| concerns(&event.id))
            }) {
                break;
            }
            rung.await;
        }
    };
    timeout(patience, wait).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::signature_header;

    #[test]
    fn the_signature_is_what_openssl_computes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
        assert_eq!(
            signature_header("whsec_test", 1_700_000_000, br#"{"a":1}"#),
            EXPECTED
        );
    }

    const EXPECTED: &str =
        "t=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789";
}
