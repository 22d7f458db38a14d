//! Only what Stripe signed with one of our secrets, in the last five minutes, to the byte.

use tollgate_payments_stripe::{Mode, StripeWebhooks, WebhookSecretsInvalid};
use tollgate_stripe_sandbox::signature_header;
use tollgate_use_cases::ports::{InvalidSignature, Webhooks};

use crate::given::{SECRET, at};

const BODY: &str = r#"{"id":"evt_1","type":"ping"}"#;
const SIGNED_AT: i64 = 1_764_000_000;
const ROTATED: &str = "whsec_rotated0123456789abcdefghijkl";

// printf '%s' '1764000000.{"id":"evt_1","type":"ping"}' | openssl dgst -sha256 -hmac "$secret"
const BY_SECRET: &str = "e1162491a69232424654dbad4a84ef46ce6fb7888ac6eca370f34b09b2c03b2b";
const BY_ROTATED: &str = "a3584199fa038f524349a565ca2d290c037937b9c5b3fd2183e1b3e6df4d3051";
// The same with the secret's `whsec_` cut off.
const WITHOUT_PREFIX: &str = "a005c176792f9e03059121a5eaa1e045e7b630bd654d27aba6874260070896fe";
// python3 -c 'import hmac; print(hmac.new(b"", b"1764000000.…", "sha256").hexdigest())'
const BY_EMPTY_KEY: &str = "29d737128392ab1e1ee2f2f85530981dbe3461499c3d8e5ebe25405efbc673ba";

fn rotating() -> StripeWebhooks {
    StripeWebhooks::new(&[SECRET.into(), ROTATED.into()], Mode::Test, None).unwrap()
}

fn accepts(header: Option<&str>, body: &str, now: i64) -> bool {
    rotating().verify(header, body.as_bytes(), at(now)).is_ok()
}

#[test]
fn what_openssl_signs_is_accepted() {
    let notice = rotating()
        .verify(
            Some(&format!("t={SIGNED_AT},v1={BY_SECRET}")),
            BODY.as_bytes(),
            at(SIGNED_AT),
        )
        .unwrap();
    assert_eq!(notice.id.0, "evt_1");
    assert_eq!(notice.body, BODY);
}

#[test]
fn every_good_header_of_the_table_is_accepted() {
    let wrong = "0".repeat(64);
    for (case, header) in [
        ("one v1", format!("t={SIGNED_AT},v1={BY_SECRET}")),
        (
            "by the second secret",
            format!("t={SIGNED_AT},v1={BY_ROTATED}"),
        ),
        (
            "second v1 right",
            format!("t={SIGNED_AT},v1={wrong},v1={BY_SECRET}"),
        ),
        (
            "first v1 right",
            format!("t={SIGNED_AT},v1={BY_SECRET},v1={wrong}"),
        ),
        (
            "both of a rotation",
            format!("t={SIGNED_AT},v1={BY_SECRET},v1={BY_ROTATED}"),
        ),
        (
            "v0 beside it",
            format!("t={SIGNED_AT},v0={wrong},v1={BY_SECRET}"),
        ),
        ("another order", format!("v1={BY_SECRET},t={SIGNED_AT}")),
        (
            "a v1 that is no hex beside it",
            format!("t={SIGNED_AT},v1=zz,v1={BY_SECRET}"),
        ),
    ] {
        assert!(accepts(Some(&header), BODY, SIGNED_AT), "{case}");
    }
}

#[test]
fn every_bad_header_of_the_table_is_refused() {
    let wrong = "0".repeat(64);
    let upper = BY_SECRET.to_uppercase();
    let short = &BY_SECRET[..62];
    for (case, header) in [
        ("wrong", format!("t={SIGNED_AT},v1={wrong}")),
        ("only v0", format!("t={SIGNED_AT},v0={BY_SECRET}")),
        (
            "by an empty key",
            format!("t={SIGNED_AT},v1={BY_EMPTY_KEY}"),
        ),
        (
            "by the secret without its prefix",
            format!("t={SIGNED_AT},v1={WITHOUT_PREFIX}"),
        ),
        ("upper case", format!("t={SIGNED_AT},v1={upper}")),
        (
            "scheme in upper case",
            format!("t={SIGNED_AT},V1={BY_SECRET}"),
        ),
        ("cut", format!("t={SIGNED_AT},v1={short}")),
        ("longer", format!("t={SIGNED_AT},v1={BY_SECRET}00")),
        ("empty v1", format!("t={SIGNED_AT},v1=")),
        ("no v1", format!("t={SIGNED_AT}")),
        ("no t", format!("v1={BY_SECRET}")),
        ("empty t", format!("t=,v1={BY_SECRET}")),
        (
            "two t",
            format!("t={SIGNED_AT},t={SIGNED_AT},v1={BY_SECRET}"),
        ),
        ("another t", format!("t={},v1={BY_SECRET}", SIGNED_AT + 1)),
        ("signed t", format!("t=+{SIGNED_AT},v1={BY_SECRET}")),
        (
            "t beyond numbers",
            format!("t={},v1={BY_SECRET}", "9".repeat(40)),
        ),
        ("blanks", format!("t={SIGNED_AT}, v1={BY_SECRET}")),
        ("no pairs", BY_SECRET.to_owned()),
        ("empty", String::new()),
        (
            "2 MB",
            format!("t={SIGNED_AT},v1={BY_SECRET},x={}", "0".repeat(2 << 20)),
        ),
    ] {
        assert!(!accepts(Some(&header), BODY, SIGNED_AT), "{case}");
    }
    assert!(!accepts(None, BODY, SIGNED_AT), "none");
}

#[test]
fn f24_of_a_thousand_events_during_a_rotation_none_is_refused() {
    for nth in 0..1000 {
        let body = format!(r#"{{"id":"evt_{nth}","type":"ping"}}"#);
        let sign = |secret| signature_header(secret, SIGNED_AT, body.as_bytes());
        let (old, new) = (sign(SECRET), sign(ROTATED));
        let (_, second) = new.split_once(',').unwrap();
        let header = match nth % 3 {
            0 => old,
            1 => new,
            _ => format!("{old},{second}"),
        };
        assert!(accepts(Some(&header), &body, SIGNED_AT), "{header}");
    }
}

#[test]
fn the_bytes_count_not_what_they_mean() {
    let header = format!("t={SIGNED_AT},v1={BY_SECRET}");
    for (case, body) in [
        (
            "written anew",
            r#"{"id": "evt_1", "type": "ping"}"#.to_owned(),
        ),
        (
            "fields in another order",
            r#"{"type":"ping","id":"evt_1"}"#.to_owned(),
        ),
        ("a byte more", format!("{BODY} ")),
        ("a line end", format!("{BODY}\n")),
        ("a byte less", BODY[..BODY.len() - 1].to_owned()),
        ("another byte", BODY.replace("evt_1", "evt_2")),
        ("empty", String::new()),
    ] {
        assert!(!accepts(Some(&header), &body, SIGNED_AT), "{case}");
    }
}

#[test]
fn five_minutes_either_way_are_tolerated_and_no_second_more() {
    let header = signature_header(SECRET, SIGNED_AT, BODY.as_bytes());
    for (away, accepted) in [
        (-301, false),
        (-300, true),
        (-299, true),
        (299, true),
        (300, true),
        (301, false),
    ] {
        assert_eq!(
            accepts(Some(&header), BODY, SIGNED_AT + away),
            accepted,
            "{away}"
        );
    }
}

#[test]
fn a_secret_under_which_a_signature_proves_nothing_is_refused() {
    use WebhookSecretsInvalid::{Missing, NotASecret};
    let with = |secrets: &[&str]| {
        let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).into()).collect();
        StripeWebhooks::new(&secrets, Mode::Test, None).map(|_| ())
    };
    assert_eq!(with(&[]).unwrap_err(), Missing);
    for secret in [
        "",
        " ",
        "whsec_",
        "whsec_short",
        "0123456789abcdefghijABCDEFGHIJKL",
        "WHSEC_0123456789abcdefghijABCDEFGHIJKL",
        "whsec_0123456789abcdefghij\n",
        "\"whsec_0123456789abcdefghij\"",
    ] {
        assert_eq!(with(&[secret]).unwrap_err(), NotASecret, "{secret:?}");
        assert_eq!(
            with(&[SECRET, secret]).unwrap_err(),
            NotASecret,
            "{secret:?} in rotation"
        );
    }
}

#[test]
fn a_signed_body_without_id_and_type_cannot_be_stored() {
    for body in [
        "",
        "not json",
        "[]",
        "{}",
        r#"{"id":"evt_1"}"#,
        r#"{"id":7,"type":"ping"}"#,
        r#"{"id":"","type":"ping"}"#,
        r#"{"id":"evt\u0000","type":"ping"}"#,
        r#"{"id":"evt_1","type":"ping"} trailing"#,
    ] {
        let header = signature_header(SECRET, SIGNED_AT, body.as_bytes());
        assert!(!accepts(Some(&header), body, SIGNED_AT), "{body}");
    }
    let header = signature_header(SECRET, SIGNED_AT, b"\xff\xfe");
    let verified = rotating().verify(Some(&header), b"\xff\xfe", at(SIGNED_AT));
    assert_eq!(verified, Err(InvalidSignature));
}

#[test]
fn no_secret_shows_in_debug_output() {
    assert!(!format!("{:?}", rotating()).contains("0123456789"));
}
