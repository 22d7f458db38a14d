//! Which texts may be a password. By length and by how soon it would be guessed; never by which kinds
//! of characters it has (NIST SP 800-63B-4, section 3.1.1.2). Does not hash.
//!
//! Guessability is the estimate of [`zxcvbn`]: some 30,000 common passwords, names and words of
//! English, keyboard walks, repeats, dates, and their variations in case, spelling and direction.

use std::fmt;

use thiserror::Error;
use tollgate_primitives::EmailAddress;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

/// The shortest password, in code points.
pub const MIN_LENGTH: usize = 10;

/// The longest password, in code points; by that also at most 1 KiB.
pub const MAX_LENGTH: usize = 256;

/// From this many code points on a password is on nobody's list, and guessability is not asked.
const BEYOND_LISTS: usize = 64;

/// Our own name, which no dictionary has and everybody here would try first.
const PRODUCT: &str = "tollgate";

/// A password as presented at sign-in: in NFKC, so that every keyboard's spelling of it is one.
///
/// Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// The text has more than [`MAX_LENGTH`] code points and so is nobody's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a password has at most 256 characters")]
pub struct PasswordTooLong;

impl Password {
    pub fn parse(text: &str) -> Result<Self, PasswordTooLong> {
        // One more than fits is enough to know that it does not: NFKC makes up to 18 of one.
        let normal: String = text.nfkc().take(MAX_LENGTH + 1).collect();
        if normal.chars().count() > MAX_LENGTH {
            return Err(PasswordTooLong);
        }
        Ok(Self(normal))
    }

    /// The text to hash. For nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password good enough to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassword(Password);

/// Whose password it would be: their words are the first that anybody who knows them tries.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub email: &'a EmailAddress,
    pub name: &'a str,
    pub company: Option<&'a str>,
}

/// Why a text may not become a password, each a sentence the person can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PasswordWeakness {
    #[error("use at least 10 characters")]
    TooShort,
    #[error("use at most 256 characters")]
    TooLong,
    #[error("leave out the NUL character")]
    ContainsNul,
    #[error("this is among the first that anybody would guess; use a few unrelated words")]
    TooCommon,
    #[error("this is easy to guess from your name, e-mail address or company")]
    ContainsPersonal,
}

impl PasswordWeakness {
    /// The stable code of a field error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::ContainsNul => "contains_nul",
            Self::TooCommon => "too_common",
            Self::ContainsPersonal => "contains_personal",
        }
    }
}

impl NewPassword {
    /// Checks a text somebody wants as their password; every weakness it has is named.
    ///
    /// Takes up to a millisecond; see also [`warm_up`].
    pub fn check(text: &str, context: &Context<'_>) -> Result<Self, Vec<PasswordWeakness>> {
        let password =
            Password::parse(text).map_err(|PasswordTooLong| vec![PasswordWeakness::TooLong])?;
        let length = password.0.chars().count();
        let weaknesses: Vec<_> = [
            (length < MIN_LENGTH).then_some(PasswordWeakness::TooShort),
            password
                .0
                .contains('\0')
                .then_some(PasswordWeakness::ContainsNul),
            guessed(&password.0, length, context),
        ]
        .into_iter()
        .flatten()
        .collect();
        if weaknesses.is_empty() {
            Ok(Self(password))
        } else {
            Err(weaknesses)
        }
    }

    #[must_use]
    pub const fn as_password(&self) -> &Password {
        &self.0
    }
}

/// Builds the dictionaries, which the first check would otherwise wait for (some 10 ms).
pub fn warm_up() {
    zxcvbn(PRODUCT, &[]);
}

fn guessed(password: &str, length: usize, context: &Context<'_>) -> Option<PasswordWeakness> {
    let own = words_of(context);
    if length >= BEYOND_LISTS {
        let is_own = own.iter().any(|word| *word == password.to_lowercase());
        return is_own.then_some(PasswordWeakness::ContainsPersonal);
    }
    if is_weak(password, &[PRODUCT]) {
        return Some(PasswordWeakness::TooCommon);
    }
    let mut known: Vec<&str> = own.iter().map(String::as_str).collect();
    known.push(PRODUCT);
    is_weak(password, &known).then_some(PasswordWeakness::ContainsPersonal)
}

/// Fewer than 10^8 guesses: what NIST's limit on failed attempts does not make up for.
fn is_weak(password: &str, known: &[&str]) -> bool {
    zxcvbn(password, known).score() < Score::Three
}

/// The person's own words, whole and in pieces, in lower case.
fn words_of(context: &Context<'_>) -> Vec<String> {
    let company = context.company.unwrap_or_default();
    let wholes = [
        context.email.as_str(),
        context.email.local_part(),
        context.email.domain(),
        context.name,
        company,
    ];
    wholes
        .into_iter()
        .flat_map(|whole| {
            let lower: String = whole.nfkc().collect::<String>().to_lowercase();
            let pieces: Vec<String> = lower
                .split(|c: char| !c.is_alphanumeric())
                .map(str::to_owned)
                .collect();
            let joined = pieces.concat();
            [lower, joined].into_iter().chain(pieces)
        })
        .filter(|word| word.chars().count() >= 3)
        .collect()
}
