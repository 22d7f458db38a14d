//! People who sign in through a provider: their browser goes there, agrees, and comes back.

use std::{collections::HashMap, sync::Arc};

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_oidc_issuer::{Config, Issuer};
use tollgate_testkit::TestClock;
use tollgate_use_cases::ports::Clock as _;
use url::Url;

use super::{Answer, Settings, World};

/// The tenant of Microsoft's people here.
pub(crate) const TENANT: &str = "aaaaaaaa-0000-4000-8000-00000000000a";

#[derive(Debug)]
pub(crate) struct Issuers {
    pub(crate) google: Issuer,
    pub(crate) microsoft: Issuer,
    pub(crate) corp: Issuer,
}

impl Issuers {
    pub(super) async fn start(clock: &Arc<TestClock>) -> Self {
        let start = async |client_id: &str, has_tenants| {
            let clock = Arc::clone(clock);
            let issuer = Issuer::start(Config {
                client_id: client_id.to_owned(),
                client_secret: format!("the secret of {client_id}"),
                has_tenants,
                now: Arc::new(move || clock.now().unix_seconds()),
            });
            issuer.await.unwrap()
        };
        Self {
            google: start("google-client", false).await,
            microsoft: start("microsoft-client", true).await,
            corp: start("corp-client", false).await,
        }
    }

    pub(super) fn settings(&self) -> Settings {
        [
            ("GOOGLE_CLIENT_ID", "google-client".to_owned()),
            (
                "GOOGLE_CLIENT_SECRET",
                "the secret of google-client".to_owned(),
            ),
            ("GOOGLE_ISSUER", self.google.url()),
            ("MS_CLIENT_ID", "microsoft-client".to_owned()),
            (
                "MS_CLIENT_SECRET",
                "the secret of microsoft-client".to_owned(),
            ),
            ("MS_ISSUER", self.microsoft.url()),
            ("OIDC_PROVIDERS", "corp".to_owned()),
            ("OIDC_CORP_CLIENT_ID", "corp-client".to_owned()),
            (
                "OIDC_CORP_CLIENT_SECRET",
                "the secret of corp-client".to_owned(),
            ),
            ("OIDC_CORP_ISSUER", self.corp.url()),
        ]
        .into()
    }

    pub(crate) fn of(&self, provider: &str) -> &Issuer {
        match provider {
            "google" => &self.google,
            "microsoft" => &self.microsoft,
            _ => &self.corp,
        }
    }
}

/// A sign-in that has begun in one browser.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) provider: &'static str,
    pub(crate) address: String,
    pub(crate) state: String,
    pub(crate) flow_token: String,
}

/// What Google says of somebody.
pub(crate) fn googles(name: &str) -> Value {
    let name = name.to_lowercase();
    json!({
        "sub": format!("google-{name}"),
        "email": format!("{name}@example.com"),
        "email_verified": true,
        "name": name,
    })
}

/// What a tenant of Microsoft says of somebody.
pub(crate) fn microsofts(name: &str) -> Value {
    let name = name.to_lowercase();
    json!({
        "sub": format!("pairwise-{name}"),
        "tid": TENANT,
        "oid": format!("object-{name}"),
        "email": format!("{name}@example.com"),
        "xms_edov": true,
        "name": name,
    })
}

impl World {
    pub(crate) fn issuers(&self) -> &Issuers {
        self.issuers.as_ref().unwrap()
    }

    pub(crate) async fn begin(&self, provider: &'static str) -> Begun {
        self.begin_with(provider, "").await
    }

    pub(crate) async fn begin_with(&self, provider: &'static str, query: &str) -> Begun {
        let begun = self
            .get(&format!("/auth/{provider}/authorize{query}"))
            .send()
            .await
            .ok(200);
        let text = |key: &str| begun[key].as_str().unwrap().to_owned();
        Begun {
            provider,
            address: text("authorize_url"),
            state: text("state"),
            flow_token: text("flow_token"),
        }
    }

    /// Whoever `claims` describes agrees; what the browser then has to send.
    pub(crate) async fn visit(&self, flow: &Begun, claims: &Value) -> Value {
        self.issuers().of(flow.provider).sign_in_as(claims.clone());
        self.follow(flow, &flow.address).await
    }

    /// The same at any address.
    pub(crate) async fn follow(&self, flow: &Begun, address: &str) -> Value {
        let answer = self.fetch(Method::GET, address).send().await;
        assert_eq!(answer.status, 302, "{answer}");
        let back = Url::parse(answer.header("location").unwrap()).unwrap();
        let back: HashMap<_, _> = back.query_pairs().into_owned().collect();
        let mut body = json!({
            "code": back["code"],
            "state": back["state"],
            "flow_token": flow.flow_token,
        });
        if let Some(issuer) = back.get("iss") {
            body["iss"] = json!(issuer);
        }
        body
    }

    pub(crate) async fn come_back(&self, provider: &str, body: &Value) -> Answer {
        let call = self.post(&format!("/auth/{provider}/callback"));
        call.json(body).send().await
    }

    /// The whole way.
    pub(crate) async fn sign_in_through(&self, provider: &'static str, claims: &Value) -> Answer {
        let flow = self.begin(provider).await;
        let body = self.visit(&flow, claims).await;
        self.come_back(provider, &body).await
    }
}
