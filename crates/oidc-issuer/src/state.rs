//! What a provider knows, and how it lies.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Config, keys::Key};

/// The tenant of whoever has no `tid`.
const TENANT: &str = "11111111-0000-4000-8000-000000000001";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Document,
    Keys,
    Authorize,
    Token,
    UserInfo,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub endpoint: Endpoint,
    pub parameters: BTreeMap<String, String>,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signature {
    #[default]
    Right,
    /// With a key that has the right id and is another.
    OtherKey,
    HmacOfPublicKey,
    HmacOfClientSecret,
    Empty,
    Zeros,
}

/// How a provider lies. Values replace what it would say; null leaves it out.
#[derive(Debug, Clone, Default)]
pub struct Lies {
    pub document: Map<String, Value>,
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    /// Text put into the claims' JSON before its last brace.
    pub claims_text: &'static str,
    pub signature: Signature,
    /// The `iss` of the answer that a browser brings back.
    pub answer_issuer: Option<Value>,
    pub ignores_proof_keys: bool,
    /// Endpoints that never answer.
    pub hangs: Vec<Endpoint>,
    /// Endpoints that answer with a status and nothing else.
    pub fails: HashMap<Endpoint, u16>,
    /// Endpoints that send whoever asks elsewhere.
    pub redirects: HashMap<Endpoint, String>,
    /// Blanks after the body of an endpoint's answer.
    pub padding: HashMap<Endpoint, usize>,
    pub user_info: Map<String, Value>,
}

pub(crate) struct State {
    config: Config,
    address: SocketAddr,
    inner: Mutex<Inner>,
}

struct Inner {
    person: Map<String, Value>,
    lies: Lies,
    key: Key,
    keys_made: u32,
    codes: HashMap<String, Code>,
    asked: Vec<Asked>,
}

/// What a code stands for.
struct Code {
    person: Map<String, Value>,
    redirect_uri: String,
    challenge: Option<String>,
    nonce: Option<String>,
}

type Parameters = BTreeMap<String, String>;

impl State {
    pub(crate) fn new(config: Config, address: SocketAddr) -> Self {
        let mut person = Map::new();
        person.insert("sub".to_owned(), "nobody".into());
        Self {
            config,
            address,
            inner: Mutex::new(Inner {
                person,
                lies: Lies::default(),
                key: Key::new("key-1".to_owned()),
                keys_made: 1,
                codes: HashMap::new(),
                asked: Vec::new(),
            }),
        }
    }

    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn base(&self) -> String {
        self.under("common")
    }

    fn under(&self, tenant: &str) -> String {
        if self.config.has_tenants {
            format!("{}/{tenant}/v2.0", self.root())
        } else {
            self.root()
        }
    }

    pub(crate) fn set_person(&self, person: Map<String, Value>) {
        self.lock().person = person;
    }

    pub(crate) fn set_lies(&self, lies: Lies) {
        self.lock().lies = lies;
    }

    pub(crate) fn lies(&self) -> Lies {
        self.lock().lies.clone()
    }

    pub(crate) fn rotate_keys(&self) {
        let mut inner = self.lock();
        inner.keys_made += 1;
        inner.key = Key::new(format!("key-{}", inner.keys_made));
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    pub(crate) fn note(&self, endpoint: Endpoint, parameters: &Parameters) {
        self.lock().asked.push(Asked {
            endpoint,
            parameters: parameters.clone(),
        });
    }

    pub(crate) fn document(&self) -> Value {
        let root = self.root();
        let mut document = object(json!({
            "issuer": self.under("{tenantid}"),
            "authorization_endpoint": format!("{root}/authorize"),
            "token_endpoint": format!("{root}/token"),
            "userinfo_endpoint": format!("{root}/userinfo"),
            "jwks_uri": format!("{root}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": !self.config.has_tenants,
        }));
        replace(&mut document, &self.lock().lies.document);
        Value::Object(document)
    }

    pub(crate) fn keys(&self) -> Value {
        json!({ "keys": [self.lock().key.public()] })
    }

    pub(crate) fn user_info(&self) -> Value {
        Value::Object(self.lock().lies.user_info.clone())
    }

    /// The person agrees at once. Where the browser goes, or what is wrong.
    pub(crate) fn authorize(&self, asked: &Parameters) -> Result<String, &'static str> {
        let is = |key: &str, value: &str| asked.get(key).is_some_and(|given| given == value);
        if !is("client_id", &self.config.client_id) || !is("response_type", "code") {
            return Err("unauthorized_client");
        }
        let redirect_uri = asked.get("redirect_uri").ok_or("invalid_request")?;
        let challenge = asked.get("code_challenge").cloned();
        if challenge.is_some() && !is("code_challenge_method", "S256") {
            return Err("invalid_request");
        }
        let mut back = url::Url::parse(redirect_uri).map_err(|_| "invalid_request")?;
        let mut inner = self.lock();
        let code = format!("code-{}", inner.codes.len() + 1);
        let person = inner.person.clone();
        let named = match &inner.lies.answer_issuer {
            Some(lie) => lie.as_str().map(str::to_owned),
            None => (!self.config.has_tenants).then(|| self.root()),
        };
        inner.codes.insert(
            code.clone(),
            Code {
                person,
                redirect_uri: redirect_uri.clone(),
                challenge,
                nonce: asked.get("nonce").cloned(),
            },
        );
        let mut answer = back.query_pairs_mut();
        answer.append_pair("code", &code);
        if let Some(state) = asked.get("state") {
            answer.append_pair("state", state);
        }
        if let Some(named) = named {
            answer.append_pair("iss", &named);
        }
        drop(answer);
        Ok(back.into())
    }

    /// The answer to a code, which works once, or the error that RFC 6749 has for it.
    pub(crate) fn token(
        &self,
        client: &(String, String),
        asked: &Parameters,
    ) -> Result<Value, &'static str> {
        let (id, secret) = client;
        if *id != self.config.client_id || *secret != self.config.client_secret {
            return Err("invalid_client");
        }
        let mut inner = self.lock();
        let code = asked.get("code").and_then(|code| inner.codes.get_mut(code));
        let code = code.ok_or("invalid_grant")?;
        let spent = std::mem::take(&mut code.redirect_uri);
        if spent.is_empty() || asked.get("redirect_uri") != Some(&spent) {
            return Err("invalid_grant");
        }
        let verifier = asked.get("code_verifier");
        let shown = verifier.map(|it| URL_SAFE_NO_PAD.encode(Sha256::digest(it)));
        let (person, nonce) = (code.person.clone(), code.nonce.clone());
        if code.challenge != shown && !inner.lies.ignores_proof_keys {
            return Err("invalid_grant");
        }
        Ok(json!({
            "access_token": "not for us",
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self.id_token(&inner, person, nonce),
        }))
    }

    fn id_token(&self, inner: &Inner, person: Map<String, Value>, nonce: Option<String>) -> String {
        let tenant = person.get("tid").and_then(Value::as_str).unwrap_or(TENANT);
        let now = (self.config.now)();
        let mut claims = object(json!({
            "iss": self.under(tenant),
            "aud": self.config.client_id,
            "iat": now,
            "exp": now + 300,
        }));
        if let Some(nonce) = nonce {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        claims.extend(person);
        replace(&mut claims, &inner.lies.claims);
        let mut header = object(json!({ "alg": "ES256", "typ": "JWT", "kid": inner.key.id }));
        replace(&mut header, &inner.lies.header);
        let mut claims = Value::Object(claims).to_string();
        claims.insert_str(claims.len() - 1, inner.lies.claims_text);
        let secret = &self.config.client_secret;
        inner
            .key
            .token(&header, &claims, inner.lies.signature, secret)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn replace(fields: &mut Map<String, Value>, lies: &Map<String, Value>) {
    for (key, value) in lies {
        if value.is_null() {
            fields.remove(key);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
}
