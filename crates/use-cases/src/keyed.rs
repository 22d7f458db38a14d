//! What is derived from the operator's secret key, each purpose under a key of its own.
//!
//! Refresh tokens and mailed tokens are derived, so that a repeated answer and a repeated mail say the
//! same without the token ever being stored: the database holds SHA-256 hashes alone.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tollgate_identity::Purpose;
use tollgate_primitives::{AccountId, EmailAddress, TokenId};

/// The secret that the application's own tokens are derived from: 32 bytes or more.
#[derive(Clone)]
pub struct Key(SecretSlice<u8>);

/// Fewer than 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key needs 32 bytes or more")]
pub struct KeyTooShort;

/// A refresh token as its holder has it.
#[derive(Clone)]
pub(crate) struct RefreshToken(SecretString);

impl Key {
    pub fn new(bytes: Vec<u8>) -> Result<Self, KeyTooShort> {
        if bytes.len() < 32 {
            return Err(KeyTooShort);
        }
        Ok(Self(bytes.into()))
    }

    /// The first token of a family, from fresh randomness.
    pub(crate) fn first_refresh_token(&self, random: &[u8; 32]) -> RefreshToken {
        RefreshToken::of(self.derive("refresh-first", random))
    }

    /// The one token that may follow `token`.
    pub(crate) fn next_refresh_token(&self, token: &RefreshToken) -> RefreshToken {
        RefreshToken::of(self.derive("refresh-next", token.text().as_bytes()))
    }

    /// The secret in a mailed link.
    pub(crate) fn one_time_token(&self, purpose: Purpose, id: TokenId) -> SecretString {
        let purpose = match purpose {
            Purpose::Verify => "verify-email",
            Purpose::Reset => "reset-password",
        };
        let mac = self.derive(purpose, id.as_uuid().as_bytes());
        URL_SAFE_NO_PAD.encode(mac).into()
    }

    /// The secret in a mailed invitation: 256 bits that only its mail and whoever has the key can know.
    pub(crate) fn invite_code(&self, id: TokenId) -> SecretString {
        let mac = self.derive("account-invite", id.as_uuid().as_bytes());
        URL_SAFE_NO_PAD.encode(mac).into()
    }

    /// The name under which "one trial per person" remembers a mailbox, also after erasure.
    pub(crate) fn trial_key(&self, address: &EmailAddress) -> [u8; 32] {
        self.derive("trial", address.mailbox().as_bytes())
    }

    /// The name under which tries are counted: says nothing of who is counted.
    pub(crate) fn bucket(&self, limit: &str, subject: &str) -> [u8; 32] {
        self.derive("bucket", format!("{limit}:{subject}").as_bytes())
    }

    /// The cursor of a page of the list `of` that follows the item `last`.
    pub(crate) fn cursor(&self, of: &str, account: AccountId, last: &str) -> String {
        let code = self.cursor_code(of, account, last);
        URL_SAFE_NO_PAD.encode([&code, last.as_bytes()].concat())
    }

    /// The item that `cursor` follows; `None` for one that was not given to `account`, or of another list.
    pub(crate) fn read_cursor(&self, of: &str, account: AccountId, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (code, last) = bytes.split_first_chunk()?;
        let last = str::from_utf8(last).ok()?;
        (self.cursor_code(of, account, last) == *code).then(|| last.to_owned())
    }

    fn cursor_code(&self, of: &str, account: AccountId, last: &str) -> [u8; 32] {
        let content = [account.as_uuid().as_bytes(), last.as_bytes()].concat();
        self.derive(&format!("{of}-cursor"), &content)
    }

    fn derive(&self, purpose: &str, content: &[u8]) -> [u8; 32] {
        let purpose_key = hmac(self.0.expose_secret(), purpose.as_bytes());
        hmac(&purpose_key, content)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl RefreshToken {
    const PREFIX: &'static str = "tgr_";

    fn of(secret: [u8; 32]) -> Self {
        Self(format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(secret)).into())
    }

    /// `None` for what cannot be a refresh token of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let secret = URL_SAFE_NO_PAD
            .decode(text.strip_prefix(Self::PREFIX)?)
            .ok()?;
        (secret.len() == 32).then(|| Self(text.into()))
    }

    pub(crate) fn text(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        token_hash(self.text())
    }
}

/// 256 bits as an address can carry them, in as many characters as a proof key has to have.
pub(crate) fn random_text(random: &[u8; 32]) -> SecretString {
    URL_SAFE_NO_PAD.encode(random).into()
}

/// How any token is kept: it has 256 bits of its own, so a plain hash is enough.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A code to sign up with, of fresh randomness.
pub(crate) fn invite_code(random: &[u8; 32]) -> SecretString {
    format!("tgi_{}", URL_SAFE_NO_PAD.encode(random)).into()
}

fn hmac(key: &[u8], content: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length, so this cannot fail; an empty answer would fail every check.
    Hmac::<Sha256>::new_from_slice(key).map_or([0; 32], |mut mac| {
        mac.update(content);
        mac.finalize().into_bytes().into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::new(vec![byte; 32]).unwrap()
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(Key::new(vec![1; 31]).unwrap_err(), KeyTooShort);
    }

    #[test]
    fn a_refresh_token_has_one_successor_under_one_key() {
        let first = key(1).first_refresh_token(&[7; 32]);
        let next = key(1).next_refresh_token(&first);
        assert_eq!(key(1).next_refresh_token(&first).text(), next.text());
        assert_ne!(key(2).next_refresh_token(&first).text(), next.text());
        assert_ne!(next.text(), first.text());
        assert_eq!(
            RefreshToken::parse(next.text()).unwrap().hash(),
            next.hash()
        );
    }

    #[test]
    fn what_is_no_refresh_token_is_not_looked_up() {
        for bad in [
            "",
            "tgr_",
            "tgr_short",
            "eyJhbGciOiJFZERTQSJ9.e30.x",
            "tgr_\u{fffd}",
        ] {
            assert!(RefreshToken::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn t71_a_cursor_is_read_whole_and_by_the_account_it_was_given_to() {
        let account = |byte| AccountId::from_uuid(uuid::Uuid::from_bytes([byte; 16]));
        let cursor = key(1).cursor("invoice", account(1), "in_7");
        let read = |key: Key, account, cursor: &str| key.read_cursor("invoice", account, cursor);
        assert_eq!(key(1).read_cursor("member", account(1), &cursor), None);
        assert_eq!(read(key(1), account(1), &cursor).as_deref(), Some("in_7"));
        assert_eq!(read(key(1), account(2), &cursor), None);
        assert_eq!(read(key(2), account(1), &cursor), None);
        for cut in 0..cursor.len() {
            assert_eq!(read(key(1), account(1), &cursor[..cut]), None, "{cut}");
            let other = if &cursor[cut..=cut] == "A" { "B" } else { "A" };
            let edited = [&cursor[..cut], other, &cursor[cut + 1..]].concat();
            assert_eq!(read(key(1), account(1), &edited), None, "{edited}");
        }
    }

    #[test]
    fn purposes_do_not_share_values() {
        let id = TokenId::from_uuid(uuid::Uuid::from_bytes([7; 16]));
        let proves = key(1).one_time_token(Purpose::Verify, id);
        let resets = key(1).one_time_token(Purpose::Reset, id);
        let invites = key(1).invite_code(id);
        let refresh = key(1).first_refresh_token(&[7; 32]);
        assert_ne!(invites.expose_secret(), proves.expose_secret());
        assert_ne!(invites.expose_secret(), resets.expose_secret());
        assert_ne!(proves.expose_secret(), resets.expose_secret());
        assert!(!refresh.text().contains(proves.expose_secret()));
    }
}
