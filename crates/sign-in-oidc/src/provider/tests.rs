use std::{collections::HashMap, net::TcpListener};

use serde_json::{Map, Value, json};
use tollgate_identity::attestation::ProviderIdentity;
use tollgate_oidc_issuer::{Config, Endpoint, Issuer as TestIssuer, Lies, Signature};

use super::*;
use crate::addresses::Reach;

const NOW: i64 = 1_800_000_000;
const REDIRECT: &str = "http://app.test/auth/test/callback";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

fn until() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

async fn issuer(has_tenants: bool) -> TestIssuer {
    let issuer = TestIssuer::start(Config {
        client_id: "tollgate".into(),
        client_secret: "a secret of the client's, & more".into(),
        has_tenants,
        now: Arc::new(|| NOW),
    });
    let issuer = issuer.await.unwrap();
    issuer.sign_in_as(json!({
        "sub": "ada", "email": "ada@example.com", "email_verified": true, "name": "Ada",
    }));
    issuer
}

fn provider_at(address: &str, issuer: Issuer, reach: Reach) -> Provider {
    let settings = ProviderSettings {
        name: ProviderName::parse("test").unwrap(),
        address: address.to_owned(),
        issuer,
        client_id: "tollgate".into(),
        client_secret: "a secret of the client's, & more".into(),
        redirect_uri: REDIRECT.into(),
    };
    Provider::new(settings, Arc::new(Transport::new(reach).unwrap()))
}

fn provider(issuer: &TestIssuer) -> Provider {
    provider_at(&issuer.url(), Issuer::at(&issuer.url()), Reach::Loopback)
}

/// One browser's sign-in.
struct Flow {
    state: SecretString,
    secrets: FlowSecrets,
}

fn flow(name: &str) -> Flow {
    Flow {
        state: format!("state-{name}").into(),
        secrets: FlowSecrets {
            nonce: format!("nonce-{name}").into(),
            verifier: format!("verifier-of-{name}-that-is-long-enough-for-rfc-7636").into(),
        },
    }
}

impl Flow {
    async fn address(&self, provider: &Provider) -> String {
        let address = provider.authorize_url(&self.state, &self.secrets, at(NOW), until());
        address.await.unwrap()
    }

    /// Goes to the provider and comes back.
    async fn visit(&self, provider: &Provider) -> Returned {
        follow(&self.address(provider).await).await
    }

    async fn finish(
        &self,
        provider: &Provider,
        returned: &Returned,
    ) -> Result<Attestation, ProvidersError> {
        let attestation = provider.attestation(returned, &self.secrets, at(NOW), until());
        attestation.await
    }

    async fn sign_in(&self, provider: &Provider) -> Result<Attestation, ProvidersError> {
        let returned = self.visit(provider).await;
        self.finish(provider, &returned).await
    }
}

async fn follow(address: &str) -> Returned {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let answer = client.build().unwrap().get(address).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(back.starts_with(REDIRECT), "{back}");
    let back: HashMap<_, _> = Url::parse(&back)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    Returned {
        code: back["code"].clone().into(),
        issuer: back.get("iss").cloned(),
    }
}

/// What a refusal comes down to.
fn said(outcome: &Result<Attestation, ProvidersError>) -> String {
    match outcome {
        Ok(attestation) => format!("{} {}", attestation.identity.subject, attestation.is_proven),
        Err(ProvidersError::Refused(why)) => format!("refused: {why}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_code_is_exchanged_for_the_providers_word() {
    let issuer = issuer(false).await;
    let provider = provider(&issuer);
    let flow = flow("ada");
    let address = flow.address(&provider).await;
    let query: HashMap<_, _> = Url::parse(&address)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    assert_eq!(
        query,
        HashMap::from(
            [
                ("response_type", "code"),
                ("client_id", "tollgate"),
                ("redirect_uri", REDIRECT),
                ("scope", "openid email profile"),
                ("state", "state-ada"),
                ("nonce", "nonce-ada"),
                ("code_challenge_method", "S256"),
                ("code_challenge", &query["code_challenge"]),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
        )
    );
    assert!(!address.contains("verifier-of-ada"));
    let returned = follow(&address).await;
    let ada = flow.finish(&provider, &returned).await.unwrap();
    assert_eq!(
        ada.identity,
        ProviderIdentity {
            issuer: issuer.url(),
            subject: "ada".into()
        }
    );
    assert_eq!(ada.email.as_str(), "ada@example.com");
    assert!(ada.is_proven);
    // The code is spent now.
    let again = flow.finish(&provider, &returned).await;
    assert!(
        matches!(again, Err(ProvidersError::Refused(_))),
        "{again:?}"
    );
    let asked = |endpoint| issuer.times_asked(endpoint);
    assert_eq!((asked(Endpoint::Document), asked(Endpoint::Keys)), (1, 1));
    assert_eq!(asked(Endpoint::UserInfo), 0);
}

#[tokio::test]
async fn a_tenants_person_is_known_by_tenant_and_object() {
    let issuer = issuer(true).await;
    let expected = Issuer::microsoft(&issuer.url());
    let provider = provider_at(&issuer.url(), expected, Reach::Loopback);
    let tenant = "aaaaaaaa-0000-4000-8000-00000000000a";
    issuer.sign_in_as(json!({
        "sub": "pairwise", "tid": tenant, "oid": "object", "email": "ada@example.com", "xms_edov": true,
    }));
    let ada = flow("ada").sign_in(&provider).await.unwrap();
    let root = issuer.url().replace("/common/v2.0", "");
    assert_eq!(
        ada.identity,
        ProviderIdentity {
            issuer: format!("{root}/{tenant}/v2.0"),
            subject: "object".into()
        }
    );
    assert!(ada.is_proven);
}

#[tokio::test]
async fn a_provider_that_knows_only_secrets_in_the_body_gets_them_there() {
    let issuer = issuer(false).await;
    let only_post =
        object(json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }));
    issuer.lie(Lies {
        document: only_post,
        ..Lies::default()
    });
    flow("ada").sign_in(&provider(&issuer)).await.unwrap();
    let asked = issuer.asked();
    let token = asked.iter().find(|asked| asked.endpoint == Endpoint::Token);
    assert!(token.unwrap().parameters.contains_key("client_secret"));
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "a table stands in the test it belongs to"
)]
async fn t44_none_of_the_forged_tokens_is_taken() {
    let issuer = issuer(false).await;
    let provider = provider(&issuer);
    let claims = |value| Lies {
        claims: object(value),
        ..Lies::default()
    };
    let header = |value, signature| Lies {
        header: object(value),
        signature,
        ..Lies::default()
    };
    let forged = [
        claims(json!({ "nonce": "nonce-eve" })),
        claims(json!({ "nonce": null })),
        claims(json!({ "nonce": 7 })),
        claims(json!({ "aud": "another client" })),
        claims(json!({ "aud": ["tollgate", "another client"] })),
        claims(json!({ "aud": [] })),
        claims(json!({ "aud": null })),
        claims(json!({ "azp": "another client" })),
        claims(json!({ "aud": ["tollgate", "other"], "azp": "tollgate" })),
        claims(json!({ "iss": "https://accounts.google.com" })),
        claims(json!({ "iss": format!("{}/", issuer.url()) })),
        claims(json!({ "iss": null })),
        claims(json!({ "exp": NOW })),
        claims(json!({ "exp": NOW - 3600 })),
        claims(json!({ "exp": null })),
        claims(json!({ "exp": "99999999999x" })),
        claims(json!({ "iat": NOW - 601 })),
        claims(json!({ "iat": NOW + 61 })),
        claims(json!({ "iat": null })),
        claims(json!({ "nbf": NOW + 61 })),
        claims(json!({ "sub": null })),
        Lies {
            claims_text: r#","sub":"eve""#,
            ..Lies::default()
        },
        header(json!({}), Signature::OtherKey),
        header(json!({}), Signature::Empty),
        header(json!({}), Signature::Zeros),
        header(json!({ "alg": "none" }), Signature::Empty),
        header(json!({ "alg": "none", "kid": null }), Signature::Right),
        header(json!({ "alg": "HS256" }), Signature::HmacOfPublicKey),
        header(json!({ "alg": "HS256" }), Signature::HmacOfClientSecret),
        header(json!({ "alg": "RS256" }), Signature::Right),
        header(json!({ "alg": null }), Signature::Right),
        header(json!({ "crit": ["x"], "x": true }), Signature::Right),
        header(json!({ "cty": "JWT" }), Signature::Right),
        header(json!({ "typ": "at+jwt" }), Signature::Right),
        header(
            json!({ "kid": "another", "jku": format!("{}/keys", issuer.url()) }),
            Signature::OtherKey,
        ),
    ];
    assert!(forged.len() >= 25);
    for lies in forged {
        issuer.lie(lies.clone());
        let outcome = flow("ada").sign_in(&provider).await;
        let is_refused = matches!(outcome, Err(ProvidersError::Refused(_)));
        assert!(is_refused, "{lies:?}: {}", said(&outcome));
    }
    // What is unusual but right is taken: the refusals above are for what was forged.
    for lies in [
        claims(json!({ "aud": ["tollgate"], "azp": "tollgate", "nbf": NOW })),
        claims(json!({ "updated_at": "2026-11-28T12:00:00.000Z" })),
        header(json!({ "kid": null }), Signature::Right),
    ] {
        issuer.lie(lies.clone());
        assert_eq!(
            said(&flow("ada").sign_in(&provider).await),
            "ada true",
            "{lies:?}"
        );
    }
}

#[tokio::test]
async fn t40_only_the_signed_boolean_true_proves_an_address() {
    let issuer = issuer(false).await;
    let provider = provider(&issuer);
    for (said_verified, proven) in [
        (json!(true), "ada true"),
        (json!(false), "ada false"),
        (json!("true"), "ada false"),
        (json!("false"), "ada false"),
        (json!(null), "ada false"),
    ] {
        issuer.lie(Lies {
            claims: object(json!({ "email_verified": said_verified })),
            user_info: object(
                json!({ "sub": "ada", "email": "victim@example.com", "email_verified": true }),
            ),
            ..Lies::default()
        });
        assert_eq!(
            said(&flow("ada").sign_in(&provider).await),
            proven,
            "{said_verified}"
        );
    }
    for said_verified in [json!(1), json!([true]), json!("yes"), json!({})] {
        issuer.lie(Lies {
            claims: object(json!({ "email_verified": said_verified })),
            ..Lies::default()
        });
        let outcome = flow("ada").sign_in(&provider).await;
        assert!(
            matches!(outcome, Err(ProvidersError::Refused(_))),
            "{said_verified}"
        );
    }
    assert_eq!(issuer.times_asked(Endpoint::UserInfo), 0);
}

#[tokio::test]
async fn t45_a_code_of_another_browser_opens_nothing() {
    let issuer = issuer(false).await;
    let provider = provider(&issuer);
    let (victim, attacker) = (flow("victim"), flow("attacker"));
    let outcome = async |checks, lax: bool| {
        let provider = Provider {
            checks,
            ..provider_at(&issuer.url(), Issuer::at(&issuer.url()), Reach::Loopback)
        };
        issuer.lie(Lies {
            ignores_proof_keys: lax,
            ..Lies::default()
        });
        let stolen = victim.visit(&provider).await;
        said(&attacker.finish(&provider, &stolen).await)
    };
    // What the checks are there for: without them the attacker is the victim.
    let none = Checks {
        proof_key: false,
        nonce: false,
        ..Checks::ALL
    };
    assert_eq!(outcome(none, true).await, "ada true");
    // Either of them is enough, whether or not the provider looks at the proof key.
    let nonce_alone = outcome(
        Checks {
            proof_key: false,
            ..Checks::ALL
        },
        true,
    )
    .await;
    assert!(nonce_alone.starts_with("refused"), "{nonce_alone}");
    for lax in [false, true] {
        let swapped = outcome(Checks::ALL, lax).await;
        assert!(swapped.starts_with("refused"), "{swapped}");
    }
    issuer.lie(Lies::default());
    // The challenge taken out on the way, or made a plain one: the code is worth nothing to us.
    let address = victim.address(&provider).await;
    let (before, after) = address.split_once("&code_challenge=").unwrap();
    let after = after.split_once("&code_challenge_method=S256").unwrap().1;
    let stripped = follow(&format!("{before}{after}")).await;
    let outcome = victim.finish(&provider, &stripped).await;
    assert!(
        matches!(outcome, Err(ProvidersError::Refused(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn t46_the_answer_of_another_provider_is_not_exchanged() {
    let (honest, evil) = (issuer(false).await, issuer(false).await);
    let evil_provider = provider(&evil);
    let flow = flow("ada");
    // The victim believes to sign in at the evil one, which sent the browser on to the honest one.
    let mut answer = flow.visit(&provider(&honest)).await;
    let tokens = |issuer: &TestIssuer| issuer.times_asked(Endpoint::Token);
    for named in [Some(honest.url()), Some(String::new()), None] {
        answer.issuer = named;
        let outcome = flow.finish(&evil_provider, &answer).await;
        let is_refused = matches!(outcome, Err(ProvidersError::AnotherProvider));
        assert!(is_refused, "{outcome:?}");
        assert_eq!((tokens(&evil), tokens(&honest)), (0, 0));
    }
    // Without the check, the evil one is handed a code that it can use.
    answer.issuer = Some(honest.url());
    let gullible = Provider {
        checks: Checks {
            response_issuer: false,
            ..Checks::ALL
        },
        ..evil_provider
    };
    let _refused = flow.finish(&gullible, &answer).await;
    let asked = evil.asked();
    let got = asked.iter().find(|asked| asked.endpoint == Endpoint::Token);
    assert_eq!(
        got.unwrap().parameters["code"],
        *answer.code.expose_secret()
    );
}

#[tokio::test]
async fn t34_unknown_keys_ask_for_the_keys_once_a_minute_and_a_new_key_is_found() {
    let issuer = issuer(false).await;
    let provider = provider(&issuer);
    assert_eq!(said(&flow("ada").sign_in(&provider).await), "ada true");
    let fetched = || issuer.times_asked(Endpoint::Keys);
    assert_eq!(fetched(), 1);
    issuer.rotate_keys();
    assert_eq!(said(&flow("ada").sign_in(&provider).await), "ada true");
    assert_eq!(fetched(), 2);
    issuer.lie(Lies {
        header: object(json!({ "kid": "unknown" })),
        ..Lies::default()
    });
    for _ in 0..50 {
        let outcome = flow("ada").sign_in(&provider).await;
        assert!(matches!(outcome, Err(ProvidersError::Refused(_))));
    }
    assert_eq!(fetched(), 2);
    // A minute later one more question is allowed.
    let later = at(NOW + 60);
    for _ in 0..2 {
        let flow = flow("ada");
        let returned = flow.visit(&provider).await;
        let outcome = provider.attestation(&returned, &flow.secrets, later, until());
        assert!(matches!(outcome.await, Err(ProvidersError::Refused(_))));
    }
    assert_eq!(fetched(), 3);
}

#[tokio::test]
async fn f36_what_is_known_is_used_while_the_provider_does_not_say_it_again() {
    let issuer = issuer(false).await;
    let provider = provider(&issuer);
    assert_eq!(said(&flow("ada").sign_in(&provider).await), "ada true");
    issuer.lie(Lies {
        fails: HashMap::from([(Endpoint::Document, 503), (Endpoint::Keys, 503)]),
        ..Lies::default()
    });
    let document = |after| provider.document(at(NOW + after), until());
    assert!(document(3_600).await.is_ok());
    assert!(document(86_399).await.is_ok());
    let outcome = document(86_400).await;
    assert!(
        matches!(outcome, Err(ProvidersError::Unavailable(_))),
        "{outcome:?}"
    );
    // It is back: the next question finds it.
    issuer.lie(Lies::default());
    assert!(document(86_400).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn t51_a_provider_that_hangs_is_given_up_in_time() {
    let issuer = issuer(false).await;
    issuer.lie(Lies {
        hangs: vec![Endpoint::Document],
        ..Lies::default()
    });
    let provider = provider(&issuer);
    let started = Instant::now();
    let flow = flow("ada");
    let address = provider.authorize_url(&flow.state, &flow.secrets, at(NOW), until());
    assert!(matches!(address.await, Err(ProvidersError::Timeout)));
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn t47_a_document_is_its_own_and_leads_nowhere_else() {
    let issuer = issuer(false).await;
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}/keys", inside.local_addr().unwrap());
    let document = |value| Lies {
        document: object(value),
        ..Lies::default()
    };
    let on = |endpoint| HashMap::from([(endpoint, elsewhere.clone())]);
    for lies in [
        document(json!({ "issuer": "https://accounts.google.com" })),
        document(json!({ "issuer": format!("{}/", issuer.url()) })),
        document(json!({ "jwks_uri": "http://169.254.169.254/latest/meta-data" })),
        document(json!({ "jwks_uri": "http://[::ffff:169.254.169.254]/" })),
        document(json!({ "token_endpoint": "http://10.0.0.1/token" })),
        document(json!({ "token_endpoint": "https://user:password@id.example/token" })),
        document(json!({ "token_endpoint": null })),
        document(json!({ "authorization_endpoint": "javascript:alert(1)" })),
        document(json!({ "authorization_endpoint": "ftp://id.example/" })),
        Lies {
            redirects: on(Endpoint::Document),
            ..Lies::default()
        },
        Lies {
            padding: HashMap::from([(Endpoint::Document, 1024 * 1024)]),
            ..Lies::default()
        },
        Lies {
            fails: HashMap::from([(Endpoint::Document, 404)]),
            ..Lies::default()
        },
    ] {
        issuer.lie(lies.clone());
        let provider = provider(&issuer);
        let flow = flow("ada");
        let address = provider.authorize_url(&flow.state, &flow.secrets, at(NOW), until());
        let outcome = address.await;
        let is_refused = matches!(outcome, Err(ProvidersError::Unavailable(_)));
        assert!(is_refused, "{lies:?}: {outcome:?}");
    }
    for endpoint in [Endpoint::Keys, Endpoint::Token] {
        issuer.lie(Lies {
            redirects: on(endpoint),
            ..Lies::default()
        });
        let outcome = flow("ada").sign_in(&provider(&issuer)).await;
        assert!(
            matches!(outcome, Err(ProvidersError::Unavailable(_))),
            "{outcome:?}"
        );
    }
    assert!(inside.accept().is_err(), "somebody was sent inside");
}

#[tokio::test]
async fn t47_no_address_inside_is_ever_connected_to() {
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let port = inside.local_addr().unwrap().port();
    for host in [
        "http://127.0.0.1",
        "https://127.0.0.1",
        "https://localhost",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://2130706433",
        "https://0x7f000001",
        "https://0177.0.0.1",
        "https://127.1",
        "https://0.0.0.0",
        "https://169.254.169.254",
        "https://[::ffff:169.254.169.254]",
        "https://user@127.0.0.1",
    ] {
        let address = format!("{host}:{port}");
        let provider = provider_at(&address, Issuer::at(&address), Reach::Public);
        let flow = flow("ada");
        let asked = provider.authorize_url(&flow.state, &flow.secrets, at(NOW), until());
        let outcome = asked.await;
        assert!(
            matches!(outcome, Err(ProvidersError::Unavailable(_))),
            "{host}: {outcome:?}"
        );
    }
    assert!(inside.accept().is_err(), "somebody was connected to");
}
