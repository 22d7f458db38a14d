//! The provider's key, and the signatures that are none.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde_json::{Map, Value, json};

use crate::state::Signature;

pub(crate) struct Key {
    pub(crate) id: String,
    public: Vec<u8>,
    signing: EncodingKey,
}

impl Key {
    /// # Panics
    /// When the machine has no randomness.
    pub(crate) fn new(id: String) -> Self {
        #[expect(clippy::expect_used, reason = "a test that has no key cannot go on")]
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made");
        Self {
            id,
            public: pair.der_bytes().to_vec(),
            signing: EncodingKey::from_ec_der(&pair.serialize_der()),
        }
    }

    /// As it stands in the key set.
    pub(crate) fn public(&self) -> Value {
        // An uncompressed point: a byte that says so, then both coordinates.
        let (x, y) = self.public.get(1..).unwrap_or_default().split_at(32);
        json!({
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// A whole token, signed as `signature` says.
    pub(crate) fn token(
        &self,
        header: &Map<String, Value>,
        claims: &str,
        signature: Signature,
        secret: &str,
    ) -> String {
        let header = URL_SAFE_NO_PAD.encode(Value::Object(header.clone()).to_string());
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let hmac = |key: &[u8]| {
            let key = EncodingKey::from_secret(key);
            sign(message.as_bytes(), &key, Algorithm::HS256).unwrap_or_default()
        };
        let right = |key: &Self| {
            sign(message.as_bytes(), &key.signing, Algorithm::ES256).unwrap_or_default()
        };
        let signature = match signature {
            Signature::Right => right(self),
            Signature::OtherKey => right(&Self::new(self.id.clone())),
            Signature::HmacOfPublicKey => hmac(&self.public),
            Signature::HmacOfClientSecret => hmac(secret.as_bytes()),
            Signature::Empty => String::new(),
            Signature::Zeros => URL_SAFE_NO_PAD.encode([0; 64]),
        };
        format!("{message}.{signature}")
    }
}
