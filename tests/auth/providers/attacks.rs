//! What others have lost accounts to. Each attack is first seen to work where the rule against it is not
//! kept.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use tollgate_identity::{attestation::Attestation, provider::ProviderName};
use tollgate_oidc_issuer::Endpoint;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::{
    App, FinishProviderSignIn, FinishProviderSignInError, ProviderSignedIn, Session,
    finish_provider_sign_in,
    ports::{FlowSecrets, Providers, ProvidersError, Returned},
};

use super::{refused, whoami};
use crate::world::{PASSWORD, Person, Setup, World, googles, microsofts};

/// Takes whatever address a provider tells for proven, as many have.
#[derive(Debug)]
struct Gullible(Arc<dyn Providers>);

#[async_trait]
impl Providers for Gullible {
    fn names(&self) -> Vec<ProviderName> {
        self.0.names()
    }

    async fn authorize_url(
        &self,
        provider: &ProviderName,
        state: &SecretString,
        secrets: &FlowSecrets,
        now: Timestamp,
    ) -> Result<String, ProvidersError> {
        self.0.authorize_url(provider, state, secrets, now).await
    }

    async fn attestation(
        &self,
        provider: &ProviderName,
        returned: &Returned,
        secrets: &FlowSecrets,
        now: Timestamp,
    ) -> Result<Attestation, ProvidersError> {
        let attestation = self.0.attestation(provider, returned, secrets, now).await?;
        Ok(Attestation {
            is_proven: true,
            ..attestation
        })
    }
}

/// Comes back to a product that believes every provider.
async fn come_back_to_the_gullible(
    world: &World,
    provider: &str,
    body: &Value,
) -> Result<ProviderSignedIn, FinishProviderSignInError> {
    let app = App {
        providers: Arc::new(Gullible(world.app().providers.clone())),
        ..world.app().clone()
    };
    let text = |key: &str| SecretString::from(body[key].as_str().unwrap());
    let command = FinishProviderSignIn {
        provider: ProviderName::parse(provider).unwrap(),
        state: text("state"),
        flow_token: text("flow_token"),
        returned: Returned {
            code: text("code"),
            issuer: body["iss"].as_str().map(str::to_owned),
        },
        account_invite_code: None,
        invited_email: None,
        origin: Session::default(),
    };
    finish_provider_sign_in(&app, command).await
}

/// Whose sessions there are, by address.
async fn sessions_of(world: &World, person: &Person) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM auth_sessions WHERE user_id = $1::uuid AND revoked_at IS NULL",
    )
    .bind(&person.id)
    .fetch_one(world.database.pool())
    .await
    .unwrap()
}

/// nOAuth: the administrator of any tenant writes any address into a person of theirs.
#[tokio::test]
async fn t37_a_foreign_tenant_that_claims_the_victims_address_is_not_the_victim() {
    let world = Setup::default().with_providers().start().await;
    let victim = world.person("Victim").await;
    world.verify(&victim).await;
    let attacker = |email_verified: Value, domain_owner: Value| {
        let mut claims = microsofts("Victim");
        claims["tid"] = json!("eeeeeeee-0000-4000-8000-00000000000e");
        claims["oid"] = json!("attacker");
        claims["email_verified"] = email_verified;
        claims["xms_edov"] = domain_owner;
        claims
    };
    for email_verified in [json!(null), json!(true), json!("true"), json!(false)] {
        for domain_owner in [
            json!(0),
            json!(1),
            json!("1"),
            json!("true"),
            json!(false),
            json!(null),
        ] {
            let claims = attacker(email_verified.clone(), domain_owner.clone());
            let answer = world.sign_in_through("microsoft", &claims).await;
            refused(&answer, 409, "link_requires_sign_in");
            assert_eq!(sessions_of(&world, &victim).await, 1);
        }
    }
    // To a product that believes the claim, the attacker is the victim.
    let flow = world.begin("microsoft").await;
    let body = world
        .visit(&flow, &attacker(json!(null), json!(null)))
        .await;
    let fooled = come_back_to_the_gullible(&world, "microsoft", &body).await;
    assert!(!fooled.unwrap().is_new_user);
    assert_eq!(sessions_of(&world, &victim).await, 2);
}

/// The attacker was here first, with a password and the victim's address.
async fn prepared(world: &World) -> Person {
    let trap = world.person("Victim").await;
    world.drain().await;
    trap
}

async fn attacker_gets_in(world: &World, trap: &Person) -> [bool; 3] {
    let by_token = world.get("/auth/me").by(trap).send().await.status == 200;
    let refreshed = world
        .post("/auth/refresh")
        .bearer(&trap.refresh)
        .send()
        .await;
    let body = json!({ "email": trap.email, "password": PASSWORD });
    let by_password = world.post("/auth/login/json").json(&body).send().await;
    [by_token, refreshed.status == 200, by_password.status == 200]
}

#[tokio::test]
async fn t38_who_waited_with_a_password_is_out_when_the_owner_comes() {
    let world = Setup::default().with_providers().start().await;
    let trap = prepared(&world).await;
    let forgot = json!({ "email": trap.email });
    world
        .post("/auth/password/forgot")
        .json(&forgot)
        .send()
        .await
        .ok(200);
    world.drain().await;
    let reset = world.mailed_token(&trap, "reset-password");
    let answer = world.sign_in_through("google", &googles("Victim")).await;
    let me = whoami(&world, &answer).await;
    assert_eq!(me["id"], json!(trap.id));
    assert!(me["email_verified_at"].is_string());
    assert_eq!(attacker_gets_in(&world, &trap).await, [false; 3]);
    let body = json!({ "token": reset, "new_password": "quiet-harbour-92-moss" });
    let answer = world.post("/auth/password/reset").json(&body).send().await;
    refused(&answer, 400, "token_invalid_or_expired");
}

/// What a product sees that takes every address for its holder's.
#[tokio::test]
async fn t38_where_an_address_counts_unproven_the_one_who_waited_stays() {
    let world = Setup::default().with_providers().start().await;
    let trap = prepared(&world).await;
    world.verify(&trap).await;
    world
        .sign_in_through("google", &googles("Victim"))
        .await
        .ok(200);
    assert_eq!(attacker_gets_in(&world, &trap).await, [true; 3]);
}

#[tokio::test]
async fn t39_who_waited_with_a_provider_is_out_when_the_owner_comes() {
    let world = Setup::default().with_providers().start().await;
    let mut attacker = microsofts("Victim");
    attacker["oid"] = json!("attacker");
    attacker["xms_edov"] = json!(null);
    let trap = world.sign_in_through("microsoft", &attacker).await;
    let trap = trap.ok(200)["access_token"].as_str().unwrap().to_owned();
    let victim = world.sign_in_through("google", &googles("Victim")).await;
    whoami(&world, &victim).await;
    let with_token = world.get("/auth/me").bearer(&trap).send().await;
    refused(&with_token, 401, "token_revoked");
    let again = world.sign_in_through("microsoft", &attacker).await;
    refused(&again, 409, "link_requires_sign_in");
}

#[tokio::test]
async fn t39_who_waited_with_a_provider_is_out_when_the_owner_resets_the_password() {
    let world = Setup::default().with_providers().start().await;
    let victim = prepared(&world).await;
    // The attacker's own identity is linked while the address is not proven.
    world
        .execute(
            "INSERT INTO oauth_identities (user_id, provider, issuer, provider_subject, created_at)
             SELECT id, 'google', 'x', 'attacker', created_at FROM users",
        )
        .await;
    let forgot = json!({ "email": victim.email });
    world
        .post("/auth/password/forgot")
        .json(&forgot)
        .send()
        .await
        .ok(200);
    world.drain().await;
    let token = world.mailed_token(&victim, "reset-password");
    let body = json!({ "token": token, "new_password": "quiet-harbour-92-moss" });
    let answer = world.post("/auth/password/reset").json(&body).send().await;
    assert_eq!(answer.status, 204, "{answer}");
    assert_eq!(
        world.count("SELECT count(*) FROM oauth_identities").await,
        0
    );
}

#[tokio::test]
async fn t40_an_address_that_nobody_verified_is_neither_linked_nor_proven() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    for said in [json!(false), json!("true"), json!(null)] {
        let mut claims = googles("Ada");
        claims["email_verified"] = said.clone();
        let answer = world.sign_in_through("google", &claims).await;
        refused(&answer, 409, "link_requires_sign_in");
        let mut new = googles(&format!("new-{}", said.to_string().len()));
        new["email_verified"] = said;
        let answer = world.sign_in_through("google", &new).await;
        assert_eq!(
            whoami(&world, &answer).await["email_verified_at"],
            json!(null)
        );
    }
    assert_eq!(world.issuers().google.times_asked(Endpoint::UserInfo), 0);
}

#[tokio::test]
async fn t42_the_new_owner_of_a_domain_is_not_given_the_old_owners_account() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.sign_in_through("google", &googles("Ada")).await;
    let ada = whoami(&world, &ada).await;
    let mut buyer = googles("Ada");
    buyer["sub"] = json!("google-buyer");
    let mut tenant = microsofts("Ada");
    tenant["tid"] = json!("bbbbbbbb-0000-4000-8000-00000000000b");
    for (provider, claims) in [("google", &buyer), ("microsoft", &tenant), ("corp", &buyer)] {
        let answer = world.sign_in_through(provider, claims).await;
        refused(&answer, 409, "link_requires_sign_in");
    }
    // The old way in goes on.
    let again = world.sign_in_through("google", &googles("Ada")).await;
    assert_eq!(whoami(&world, &again).await["id"], ada["id"]);
}

#[tokio::test]
async fn t45_a_stolen_code_is_worth_nothing_in_another_browser() {
    let world = Setup::default().with_providers().start().await;
    let victim = world.begin("google").await;
    let stolen = world.visit(&victim, &googles("Victim")).await;
    let attacker = world.begin("google").await;
    let body = json!({
        "code": stolen["code"],
        "state": attacker.state,
        "flow_token": attacker.flow_token,
        "iss": stolen["iss"],
    });
    refused(
        &world.come_back("google", &body).await,
        400,
        "oauth_exchange_failed",
    );
    // Its challenge taken out on the way, or turned into a plain one: the provider's code is no use.
    for challenge in ["", "&code_challenge=x&code_challenge_method=S256"] {
        let flow = world.begin("google").await;
        let (before, after) = flow.address.split_once("&code_challenge=").unwrap();
        let after = after.split_once("&code_challenge_method=S256").unwrap().1;
        world.issuers().google.sign_in_as(googles("Victim"));
        let address = format!("{before}{challenge}{after}");
        let body = world.follow(&flow, &address).await;
        refused(
            &world.come_back("google", &body).await,
            400,
            "oauth_exchange_failed",
        );
    }
    assert_eq!(world.count("SELECT count(*) FROM auth_sessions").await, 0);
}

#[tokio::test]
async fn t46_the_answer_of_one_provider_is_not_taken_for_anothers() {
    let world = Setup::default().with_providers().start().await;
    let (google, corp) = (&world.issuers().google, &world.issuers().corp);
    // The victim chose corp, which is evil and sent the browser on to Google with the state it was given.
    let chosen = world.begin("corp").await;
    let at_google = world.begin("google").await;
    let address = at_google.address.replace(&at_google.state, &chosen.state);
    google.sign_in_as(googles("Victim"));
    let mut body = world.follow(&chosen, &address).await;
    assert_eq!(body["state"], json!(chosen.state));
    // Google's own callback knows no such sign-in; corp's is told who answered.
    refused(
        &world.come_back("google", &body).await,
        400,
        "oauth_state_invalid",
    );
    refused(
        &world.come_back("corp", &body).await,
        400,
        "oauth_state_invalid",
    );
    let chosen = world.begin("corp").await;
    body["state"] = json!(chosen.state);
    body["flow_token"] = json!(chosen.flow_token);
    body.as_object_mut().unwrap().remove("iss");
    refused(
        &world.come_back("corp", &body).await,
        400,
        "oauth_state_invalid",
    );
    for issuer in [google, corp] {
        assert_eq!(issuer.times_asked(Endpoint::Token), 0);
    }
}
