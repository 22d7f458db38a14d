//! What an id token says, read once more from its text after its signature was found right. The
//! library's reading takes `"true"` for `true`, without which it could not read the tokens of some
//! providers at all; here the one is told from the other.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tollgate_identity::attestation::{Claims, Flag};
use tollgate_primitives::Timestamp;

#[derive(Debug, Error)]
pub(crate) enum ClaimsUnreadable {
    #[error("the token has no payload")]
    NoPayload,
    #[error("the payload is no base64")]
    Encoding(#[source] base64::DecodeError),
    /// A claim that is given twice is among these.
    #[error("the claims are not as they should be")]
    Json(#[source] serde_json::Error),
    #[error("a time of the token is none")]
    Time,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    sub: String,
    aud: Audiences,
    azp: Option<String>,
    iat: f64,
    nbf: Option<f64>,
    tid: Option<String>,
    oid: Option<String>,
    email: Option<String>,
    email_verified: Option<Value>,
    xms_edov: Option<Value>,
    name: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

/// The claims of a token whose signature was checked.
pub(crate) fn claims(token: &str) -> Result<Claims, ClaimsUnreadable> {
    let payload = token.split('.').nth(1);
    let payload = URL_SAFE_NO_PAD.decode(payload.ok_or(ClaimsUnreadable::NoPayload)?);
    let payload = payload.map_err(ClaimsUnreadable::Encoding)?;
    let payload: Payload = serde_json::from_slice(&payload).map_err(ClaimsUnreadable::Json)?;
    Ok(Claims {
        issuer: payload.iss,
        subject: payload.sub,
        audiences: match payload.aud {
            Audiences::One(audience) => vec![audience],
            Audiences::Several(audiences) => audiences,
        },
        authorized_party: payload.azp,
        issued_at: time(payload.iat)?,
        not_before: payload.nbf.map(time).transpose()?,
        tenant: payload.tid,
        object: payload.oid,
        email: payload.email,
        email_verified: flag(payload.email_verified.as_ref()),
        domain_owner_verified: flag(payload.xms_edov.as_ref()),
        name: match payload.name {
            Some(Value::String(name)) => Some(name),
            Some(_) | None => None,
        },
    })
}

fn flag(value: Option<&Value>) -> Flag {
    match value {
        None | Some(Value::Null) => Flag::Absent,
        Some(Value::Bool(value)) => Flag::Boolean(*value),
        Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
            Flag::Other
        }
    }
}

/// RFC 7519 allows fractions of a second.
fn time(seconds: f64) -> Result<Timestamp, ClaimsUnreadable> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and no time is that far away"
    )]
    let whole = seconds.floor() as i64;
    Timestamp::from_unix_seconds(whole).map_err(|_| ClaimsUnreadable::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload))
    }

    fn with(claims: &str) -> String {
        token(&format!(
            r#"{{"iss":"i","sub":"s","aud":"c","iat":1800000000{claims}}}"#
        ))
    }

    #[test]
    fn t40_true_is_the_boolean_and_nothing_that_looks_like_it() {
        for (text, flag) in [
            ("", Flag::Absent),
            (r#","email_verified":null"#, Flag::Absent),
            (r#","email_verified":true"#, Flag::Boolean(true)),
            (r#","email_verified":false"#, Flag::Boolean(false)),
            (r#","email_verified":"true""#, Flag::Other),
            (r#","email_verified":1"#, Flag::Other),
            (r#","email_verified":[true]"#, Flag::Other),
        ] {
            assert_eq!(claims(&with(text)).unwrap().email_verified, flag, "{text}");
        }
        for (text, flag) in [
            (r#","xms_edov":true"#, Flag::Boolean(true)),
            (r#","xms_edov":"1""#, Flag::Other),
            (r#","xms_edov":1"#, Flag::Other),
        ] {
            let read = claims(&with(text)).unwrap();
            assert_eq!(read.domain_owner_verified, flag, "{text}");
        }
    }

    #[test]
    fn a_claim_that_is_given_twice_is_given_not_at_all() {
        let twice = r#","email_verified":false,"email_verified":true"#;
        assert!(matches!(
            claims(&with(twice)),
            Err(ClaimsUnreadable::Json(_))
        ));
        let times = with(r#","nbf":1e300"#);
        assert!(matches!(claims(&times), Err(ClaimsUnreadable::Time)));
        assert!(matches!(claims("e30"), Err(ClaimsUnreadable::NoPayload)));
    }
}
