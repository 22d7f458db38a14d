//! Faults on demand: which call or delivery is to go wrong, and how.

use serde::{Deserialize, Serialize};

use crate::api::Method;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The answer comes after `delay_ms`.
    Slow,
    /// Answers 500, which is then kept for the idempotency key.
    #[serde(rename = "error_500")]
    Error500,
    #[serde(rename = "rate_limit_429")]
    RateLimit429,
    /// Carries the call out and drops the connection.
    LostAnswer,
    /// Answers that the idempotency key is in use.
    #[serde(rename = "conflict_409")]
    Conflict409,
    /// Answers 200 with a page.
    #[serde(rename = "html_200")]
    Html200,
    /// Carries the call out and answers half of the body.
    TruncatedJson,
    /// Carries the call out, is silent for `delay_ms` (80 s), drops the connection.
    Hang,
    /// The event is sent twice.
    Duplicate,
    /// The event is sent after the one that follows it.
    Reorder,
    /// The event is never sent.
    Drop,
    /// The event is sent after `delay_ms`.
    Delay,
}

impl Kind {
    pub(crate) fn concerns_webhooks(self) -> bool {
        match self {
            Self::Duplicate | Self::Reorder | Self::Drop | Self::Delay => true,
            Self::Slow
            | Self::Error500
            | Self::RateLimit429
            | Self::LostAnswer
            | Self::Conflict409
            | Self::Html200
            | Self::TruncatedJson
            | Self::Hang => false,
        }
    }

    /// Whether the call is carried out when the fault does not say.
    fn executes(self) -> bool {
        matches!(
            self,
            Self::Slow | Self::LostAnswer | Self::TruncatedJson | Self::Hang
        )
    }
}

/// One injected fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// `GET`, `POST` or `DELETE`; any without.
    #[serde(default)]
    method: Option<String>,
    /// Beginning of the path, `/v1/…`; any without.
    #[serde(default)]
    path_prefix: Option<String>,
    /// How many calls or events it strikes; all without.
    #[serde(default)]
    times: Option<u32>,
    #[serde(default)]
    delay_ms: Option<u64>,
    /// Strikes before the call is carried out, which it then is not.
    #[serde(default)]
    before_commit: Option<bool>,
    /// Event types; any without.
    #[serde(default)]
    types: Option<Vec<String>>,
    /// Part of the matching calls or events it strikes, 0 to 1.
    #[serde(default)]
    probability: Option<f64>,
    /// Makes the chance repeatable.
    #[serde(default)]
    seed: u64,
}

impl Fault {
    /// Strikes the next call or event, whatever it is.
    pub(crate) fn once(kind: Kind) -> Self {
        Self {
            kind,
            method: None,
            path_prefix: None,
            times: Some(1),
            delay_ms: None,
            before_commit: None,
            types: None,
            probability: None,
            seed: 0,
        }
    }

    pub(crate) fn executes(&self) -> bool {
        self.before_commit.map_or(self.kind.executes(), |before| {
            !before || self.kind == Kind::Slow
        })
    }

    /// Whether the call is carried out first and the answer held back.
    pub(crate) fn comes_late(&self) -> bool {
        self.before_commit == Some(false)
    }

    /// Milliseconds to wait.
    pub(crate) fn delay(&self) -> u64 {
        let unasked = match self.kind {
            Kind::Hang => 80_000,
            Kind::Slow | Kind::Delay => 1_000,
            Kind::Error500
            | Kind::RateLimit429
            | Kind::LostAnswer
            | Kind::Conflict409
            | Kind::Html200
            | Kind::TruncatedJson
            | Kind::Duplicate
            | Kind::Reorder
            | Kind::Drop => 0,
        };
        self.delay_ms.unwrap_or(unasked)
    }

    /// Whether it strikes this time.
    fn strikes(&mut self) -> bool {
        if self.times == Some(0) {
            return false;
        }
        let chance = self.probability.unwrap_or(1.0);
        if chance < 1.0 && self.draw() >= chance {
            return false;
        }
        self.times = self.times.map(|times| times - 1);
        true
    }

    /// A number from 0 to 1 (splitmix64).
    fn draw(&mut self) -> f64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.seed;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let top = u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or(u32::MAX);
        f64::from(top) / f64::from(u32::MAX)
    }
}

/// The faults in force, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
}

impl Faults {
    pub(crate) fn add(&mut self, faults: Vec<Fault>) {
        self.faults.extend(faults);
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.faults
    }

    /// The fault that strikes a call, used up by it.
    pub(crate) fn strike_call(&mut self, method: Method, path: &str) -> Option<Fault> {
        self.strike(|fault| {
            !fault.kind.concerns_webhooks()
                && fault
                    .method
                    .as_ref()
                    .is_none_or(|asked| asked.eq_ignore_ascii_case(method.as_str()))
                && fault
                    .path_prefix
                    .as_ref()
                    .is_none_or(|prefix| path.starts_with(prefix))
        })
    }

    /// The fault that strikes an event's delivery, used up by it.
    pub(crate) fn strike_event(&mut self, kind: &str) -> Option<Fault> {
        self.strike(|fault| {
            fault.kind.concerns_webhooks()
                && fault
                    .types
                    .as_ref()
                    .is_none_or(|types| types.iter().any(|asked| asked == kind))
        })
    }

    fn strike(&mut self, concerns: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let fault = self
            .faults
            .iter_mut()
            .find_map(|fault| (concerns(fault) && fault.strikes()).then(|| fault.clone()));
        self.faults.retain(|fault| fault.times != Some(0));
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_fault_strikes_matching_calls_as_often_as_asked() {
        let mut faults = Faults::default();
        faults.add(vec![fault(
            r#"{"kind":"error_500","method":"post","path_prefix":"/v1/sub","times":2}"#,
        )]);
        assert!(
            faults
                .strike_call(Method::Get, "/v1/subscriptions")
                .is_none()
        );
        assert!(faults.strike_call(Method::Post, "/v1/customers").is_none());
        assert!(
            faults
                .strike_call(Method::Post, "/v1/subscriptions")
                .is_some()
        );
        assert!(
            faults
                .strike_call(Method::Post, "/v1/subscriptions")
                .is_some()
        );
        assert!(
            faults
                .strike_call(Method::Post, "/v1/subscriptions")
                .is_none()
        );
        assert!(faults.list().is_empty());
    }

    #[test]
    fn chance_is_repeatable_by_its_seed() {
        let strikes = || {
            let mut faults = Faults::default();
            faults.add(vec![fault(r#"{"kind":"drop","probability":0.3,"seed":7}"#)]);
            (0..1000)
                .map(|_| faults.strike_event("invoice.paid").is_some())
                .collect::<Vec<_>>()
        };
        let struck = strikes().into_iter().filter(|struck| *struck).count();
        assert_eq!(strikes(), strikes());
        assert!((250..350).contains(&struck), "{struck} of 1000");
    }

    #[test]
    fn the_phase_of_a_fault_can_be_chosen() {
        assert!(!fault(r#"{"kind":"error_500"}"#).executes());
        assert!(fault(r#"{"kind":"error_500","before_commit":false}"#).executes());
        assert!(fault(r#"{"kind":"lost_answer"}"#).executes());
        assert!(!fault(r#"{"kind":"lost_answer","before_commit":true}"#).executes());
    }
}
