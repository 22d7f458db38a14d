//! Keeps passwords as bcrypt hashes of a keyed digest. Which texts may be passwords is decided in
//! `tollgate-identity`.

use std::{fmt, str::FromStr as _};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bcrypt::{BcryptError, HashParts};
use hmac::{Hmac, KeyInit as _, Mac as _};
use metrics::counter;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha384;
use thiserror::Error;
use tollgate_identity::password::Password;
use tollgate_use_cases::ports::{PasswordHash, Passwords, PasswordsError, Verdict};
use tracing::error;

use crate::pool::Pool;

/// What a stored hash begins with: how the password became what bcrypt saw.
///
/// Version 1 is base64 of HMAC-SHA-384 under the pepper: 64 characters, because bcrypt alone ignores
/// what comes after 72 bytes and takes NUL for an end; keyed, so that hashes leaked elsewhere cannot be
/// tried against ours.
const SCHEME: &str = "v1";

/// A stored hash that costs more is not ours, and checking it would hold a worker for seconds.
const HIGHEST_COST: u32 = 15;

/// What a hash costs, and how many may be made at once.
#[derive(Debug)]
pub struct HashingSettings {
    /// The key of the digest, at least 32 bytes. Without it no stored hash is of use to anybody.
    pub pepper: SecretString,
    /// The exponent of bcrypt's work, 4 to 15: each step doubles it. 12 is 0.2 s of a core.
    pub cost: u32,
    /// Hashes that run at once, at least one.
    pub workers: usize,
    /// Callers that may wait for one.
    pub queue: usize,
}

#[derive(Debug, Error)]
pub enum HashingSettingsInvalid {
    #[error("the pepper has fewer than 32 bytes")]
    PepperTooShort,
    #[error("the cost of a password hash is not between 4 and 15")]
    CostOutOfRange,
    #[error("no worker hashes passwords")]
    NoWorkers,
    #[error("making a first hash failed")]
    Hash(#[source] BcryptError),
}

/// [`Passwords`] on bcrypt.
pub struct BcryptPasswords {
    digest: Hmac<Sha384>,
    cost: u32,
    /// A hash of nobody's password, made as those of people are.
    nobody: PasswordHash,
    pool: Pool,
}

impl BcryptPasswords {
    /// Makes one hash, so it takes as long as one.
    pub fn new(settings: &HashingSettings) -> Result<Self, HashingSettingsInvalid> {
        let pepper = settings.pepper.expose_secret().as_bytes();
        if pepper.len() < 32 {
            return Err(HashingSettingsInvalid::PepperTooShort);
        }
        if !(4..=HIGHEST_COST).contains(&settings.cost) {
            return Err(HashingSettingsInvalid::CostOutOfRange);
        }
        if settings.workers == 0 {
            return Err(HashingSettingsInvalid::NoWorkers);
        }
        let digest =
            Hmac::new_from_slice(pepper).map_err(|_| HashingSettingsInvalid::PepperTooShort)?;
        let nobody = make("", settings.cost).map_err(HashingSettingsInvalid::Hash)?;
        Ok(Self {
            digest,
            cost: settings.cost,
            nobody,
            pool: Pool::new(settings.workers, settings.queue),
        })
    }

    /// What bcrypt sees of a password.
    fn digest(&self, password: &Password) -> String {
        let mut digest = self.digest.clone();
        digest.update(password.expose().as_bytes());
        STANDARD.encode(digest.finalize().into_bytes())
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, BcryptError> + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let done = self.pool.run(work).await?;
        done.map_err(|cause| PasswordsError::Failed(Box::new(cause)))
    }
}

#[async_trait]
impl Passwords for BcryptPasswords {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordsError> {
        let (digest, cost) = (self.digest(password), self.cost);
        let made = self.run(move || make(&digest, cost)).await;
        count(made.as_ref().map(|_| "made"));
        made
    }

    async fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, PasswordsError> {
        let stored_or_nobody = stored.unwrap_or(&self.nobody);
        let against = match Stored::read(stored_or_nobody) {
            Ok(against) => against,
            Err(reason) => {
                error!(reason, "a stored password hash is not one of ours");
                counter!("password_hashes_total", "result" => "unusable").increment(1);
                return Ok(Verdict::Wrong);
            }
        };
        let (digest, cost, is_known) = (self.digest(password), self.cost, stored.is_some());
        let verdict = self
            .run(move || match against.check(&digest)? {
                true if !is_known => Ok(Verdict::Wrong),
                true if against.cost == cost => Ok(Verdict::Right),
                true => make(&digest, cost).map(Verdict::RightRehashed),
                false => Ok(Verdict::Wrong),
            })
            .await;
        count(verdict.as_ref().map(|verdict| match verdict {
            Verdict::Right | Verdict::RightRehashed(_) => "right",
            Verdict::Wrong => "wrong",
        }));
        verdict
    }
}

impl fmt::Debug for BcryptPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BcryptPasswords")
            .field("cost", &self.cost)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

fn make(digest: &str, cost: u32) -> Result<PasswordHash, BcryptError> {
    let hash = bcrypt::non_truncating_hash(digest, cost)?;
    Ok(PasswordHash(format!("{SCHEME}{hash}")))
}

/// A stored hash that may be computed with.
struct Stored {
    bcrypt: String,
    cost: u32,
}

impl Stored {
    fn read(hash: &PasswordHash) -> Result<Self, &'static str> {
        let bcrypt = hash.0.strip_prefix(SCHEME).ok_or("unknown scheme")?;
        let parts = HashParts::from_str(bcrypt).map_err(|_| "not a bcrypt hash")?;
        let cost = parts.get_cost();
        if cost > HIGHEST_COST {
            return Err("costs too much");
        }
        Ok(Self {
            bcrypt: bcrypt.to_owned(),
            cost,
        })
    }

    fn check(&self, digest: &str) -> Result<bool, BcryptError> {
        bcrypt::non_truncating_verify(digest, &self.bcrypt)
    }
}

fn count(outcome: Result<&'static str, &PasswordsError>) {
    let result = match outcome {
        Ok(result) => result,
        Err(PasswordsError::Busy { .. }) => "busy",
        Err(PasswordsError::Failed(_)) => "failed",
    };
    counter!("password_hashes_total", "result" => result).increment(1);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn passwords(cost: u32) -> BcryptPasswords {
        passwords_with("a pepper that is thirty-two bytes", cost)
    }

    fn passwords_with(pepper: &str, cost: u32) -> BcryptPasswords {
        BcryptPasswords::new(&HashingSettings {
            pepper: pepper.into(),
            cost,
            workers: 2,
            queue: 8,
        })
        .unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn every_byte_of_a_password_counts() {
        let passwords = passwords(4);
        let (a72, emoji) = ("a".repeat(72), "🔑".repeat(64));
        for (set, tried) in [
            (format!("{a72}X"), format!("{a72}Y")),
            (format!("{a72}X"), a72.clone()),
            (format!("{a72}X"), "a".repeat(71)),
            (a72.clone(), format!("{a72}{a72}")),
            (emoji.clone(), format!("{emoji}🔑")),
            (emoji.clone(), "🔑".repeat(63)),
            (emoji.clone(), "🔑".repeat(18)),
            ("x".repeat(256), "x".repeat(255)),
            ("ab\0cd".into(), "ab".into()),
            ("ab\0cd".into(), "ab\0ce".into()),
            ("ab".into(), "ab\0ab".into()),
            (String::new(), "\0".into()),
            ("correct horse".into(), "correct horse ".into()),
            ("correct horse".into(), "Correct horse".into()),
            ("correct horse".into(), String::new()),
            ("ada@example.com correct".into(), "correct".into()),
            ("naïve password".into(), "naive password".into()),
            ("pass\u{200b}word".into(), "password".into()),
            ("ложь во спасение".into(), "ложь во спасенье".into()),
        ] {
            let stored = passwords.hash(&password(&set)).await.unwrap();
            let verdict = async |text: &str| {
                let verdict = passwords.verify(&password(text), Some(&stored)).await;
                verdict.unwrap()
            };
            assert_eq!(verdict(&set).await, Verdict::Right, "{set:?}");
            assert_eq!(verdict(&tried).await, Verdict::Wrong, "{set:?} {tried:?}");
        }
    }

    #[tokio::test]
    async fn one_password_typed_on_two_keyboards_is_one() {
        let passwords = passwords(4);
        let stored = passwords.hash(&password("caf\u{e9} ﬁne")).await.unwrap();
        let decomposed = password("cafe\u{301} fine");
        let verdict = passwords.verify(&decomposed, Some(&stored)).await.unwrap();
        assert_eq!(verdict, Verdict::Right);
    }

    #[tokio::test]
    async fn a_hash_says_its_scheme_and_is_another_each_time() {
        let passwords = passwords(4);
        let first = passwords.hash(&password("correct horse")).await.unwrap();
        let second = passwords.hash(&password("correct horse")).await.unwrap();
        assert!(first.0.starts_with("v1$2b$04$"));
        assert_ne!(first, second);
    }

    #[tokio::test]
    async fn a_hash_of_other_cost_is_replaced_at_sign_in() {
        let (old, current) = (passwords(4), passwords(5));
        let right = password("correct horse");
        let stored = old.hash(&right).await.unwrap();

        let verdict = current.verify(&right, Some(&stored)).await.unwrap();
        let Verdict::RightRehashed(better) = verdict else {
            panic!("{verdict:?}");
        };
        assert!(better.0.starts_with("v1$2b$05$"));
        let verdict = current.verify(&right, Some(&better)).await.unwrap();
        assert_eq!(verdict, Verdict::Right);
        let wrong = password("correct house");
        let verdict = current.verify(&wrong, Some(&stored)).await.unwrap();
        assert_eq!(verdict, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_is_of_no_use_without_its_pepper() {
        let right = password("correct horse");
        let stored = passwords(4).hash(&right).await.unwrap();
        let elsewhere = passwords_with("another pepper of thirty-two bytes", 4);
        let verdict = elsewhere.verify(&right, Some(&stored)).await.unwrap();
        assert_eq!(verdict, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_stored_text_that_is_not_ours_is_refused_without_computing_it() {
        let passwords = passwords(4);
        let stored = passwords.hash(&password("correct horse")).await.unwrap();
        let of_cost = |cost| stored.0.replace("$04$", cost);
        for hostile in [
            of_cost("$16$"),
            of_cost("$31$"),
            of_cost("$99$"),
            stored.0.replace("v1", ""),
            stored.0.replace("v1", "v2"),
            format!("v1{}", "é".repeat(30)),
            "v1".into(),
            String::new(),
        ] {
            let asked = Instant::now();
            let hash = PasswordHash(hostile.clone());
            let right = password("correct horse");
            let verdict = passwords.verify(&right, Some(&hash)).await.unwrap();
            assert_eq!(verdict, Verdict::Wrong, "{hostile}");
            assert!(asked.elapsed() < Duration::from_millis(50), "{hostile}");
        }
    }

    #[tokio::test]
    async fn nobody_costs_the_same_as_a_wrong_password_and_is_never_right() {
        let passwords = passwords(4);
        let stored = passwords.hash(&password("correct horse")).await.unwrap();
        let wrong = password("wrong");
        let mut quickest = [Duration::MAX; 2];
        for _ in 0..60 {
            for (quickest, stored) in quickest.iter_mut().zip([Some(&stored), None]) {
                let asked = Instant::now();
                let verdict = passwords.verify(&wrong, stored).await.unwrap();
                *quickest = asked.elapsed().min(*quickest);
                assert_eq!(verdict, Verdict::Wrong);
            }
        }
        let [known, unknown] = quickest;
        // One step of cost more or less would be half or double.
        assert!(known.abs_diff(unknown) < known / 3, "{known:?} {unknown:?}");
    }

    #[test]
    fn settings_that_would_not_protect_anybody_are_refused() {
        let pepper = "a pepper that is thirty-two bytes";
        for (pepper, cost, workers) in [
            ("too short", 12, 2),
            (pepper, 3, 2),
            (pepper, 16, 2),
            (pepper, 12, 0),
        ] {
            let settings = HashingSettings {
                pepper: pepper.into(),
                cost,
                workers,
                queue: 1,
            };
            assert!(BcryptPasswords::new(&settings).is_err(), "{settings:?}");
        }
    }
}
