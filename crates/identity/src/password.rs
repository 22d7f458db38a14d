//! Which texts may be a password. By length and by how soon it would be guessed; never by which kinds
//! of characters it has (NIST SP 800-63B-4, section 3.1.1.2). Does not hash.
//!
//! Guessability is the estimate of [`mod@zxcvbn`]: dictionaries of common passwords, names and words of
//! English, keyboard walks, repeats, dates, and their variations in case, spelling and direction. It asks the system once which year it
//! is, to know which dates are near; nothing else here knows the time.

use std::fmt;

use thiserror::Error;
use tollgate_primitives::EmailAddress;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

/// The shortest password, in code points.
pub const MIN_LENGTH: usize = 10;

/// The longest password, in code points; by that also at most 1 KiB.
pub const MAX_LENGTH: usize = 256;

/// From this many code points on a text is on no list, and only the person's own words are refused.
const BEYOND_LISTS: usize = 40;

/// What everybody here would try first and the English dictionaries lack: our own name, and the word
/// "password" elsewhere.
const EXPECTED: [&str; 10] = [
    "tollgate",
    "passwort",
    "motdepasse",
    "contraseña",
    "wachtwoord",
    "lösenord",
    "hasło",
    "пароль",
    "パスワード",
    "密码",
];

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
    /// Whether it did is not decided here: the list is too long to be looked at without I/O.
    #[error("this password has leaked from somewhere; use another one")]
    Leaked,
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
            Self::Leaked => "leaked",
        }
    }
}

impl NewPassword {
    /// Checks a text somebody wants as their password; every weakness it has is named.
    ///
    /// Mostly half a millisecond, but the estimate tries every reading of symbols as letters, which
    /// for a text made of many different ones takes a tenth of a second: call it where passwords are
    /// hashed, not on a thread that serves requests. See also [`warm_up`].
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
    zxcvbn(EXPECTED[0], &[]);
}

fn guessed(password: &str, length: usize, context: &Context<'_>) -> Option<PasswordWeakness> {
    let own = words_of(context);
    if length >= BEYOND_LISTS {
        let is_own = own.contains(&password.to_lowercase());
        return is_own.then_some(PasswordWeakness::ContainsPersonal);
    }
    let own = own.iter().map(String::as_str);
    let known: Vec<&str> = EXPECTED.into_iter().chain(own).collect();
    if !is_weak(password, &known) {
        return None;
    }
    Some(if is_weak(password, &EXPECTED) {
        PasswordWeakness::TooCommon
    } else {
        PasswordWeakness::ContainsPersonal
    })
}

/// Whether fewer than 10^8 guesses find it, by an attacker who tries the `known` words first.
fn is_weak(password: &str, known: &[&str]) -> bool {
    zxcvbn(password, known).score() < Score::Three
}

/// The person's own words in lower case: whole, without spaces, in pieces, and the pieces run
/// together.
fn words_of(context: &Context<'_>) -> Vec<String> {
    let email = context.email;
    [
        email.as_str(),
        email.local_part(),
        email.domain(),
        context.name,
    ]
    .into_iter()
    .chain(email.domain().split('.'))
    .chain(context.company)
    .flat_map(|whole| {
        let whole = whole.nfkc().collect::<String>().to_lowercase();
        let pieces: Vec<String> = whole
            .split(|c: char| !c.is_alphanumeric())
            .map(str::to_owned)
            .collect();
        let closed_up = whole.split_whitespace().collect();
        [whole, closed_up, pieces.concat()]
            .into_iter()
            .chain(pieces)
    })
    .filter(|word| word.chars().count() >= 3)
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PasswordWeakness::*, *};

    const TABLE: &[(&str, &[PasswordWeakness])] = &[
        // Long enough and nobody's first guess, of whatever characters.
        ("correct horse battery staple", &[]),
        ("my dog ate the homework", &[]),
        ("blue umbrella tuesday", &[]),
        ("pass the salt please", &[]),
        ("kettle-orbit-mango", &[]),
        ("i like green tractors", &[]),
        ("eins zwei drei vier", &[]),
        ("größe über alles", &[]),
        ("приветмойдругкак", &[]),
        ("我的密碼是一個很長的句子嗎", &[]),
        ("😀🚀🌵🦊🍕🎸⚓🧭🪁🎈", &[]),
        ("xk7#Qz!m2p", &[]),
        ("9f8a7b6c5d", &[]),
        ("wqzjxvkpyf", &[]),
        ("  kettle  orbit  ", &[]),
        ("tab\tbetween mangos", &[]),
        ("lovelace reads poems at dusk", &[]),
        ("the tollgate opens for geese", &[]),
        // Too short, and perhaps more than that.
        ("", &[TooShort, TooCommon]),
        ("password", &[TooShort, TooCommon]),
        ("xk7#Qz!m2", &[TooShort]),
        ("😀🚀🌵🦊🍕🎸⚓🧭🪁", &[TooShort]),
        ("lovelace", &[TooShort, TooCommon]),
        // On the lists, as they are and in other spellings.
        ("1234567890", &[TooCommon]),
        ("9876543210", &[TooCommon]),
        ("qwertyuiop", &[TooCommon]),
        ("qwerty123456", &[TooCommon]),
        ("1q2w3e4r5t", &[TooCommon]),
        ("1qaz2wsx3edc", &[TooCommon]),
        ("!@#$%^&*()", &[TooCommon]),
        ("aaaaaaaaaa", &[TooCommon]),
        ("          ", &[TooCommon]),
        ("😀😀😀😀😀😀😀😀😀😀", &[TooCommon]),
        ("abcdefghij", &[TooCommon]),
        ("abc123abc123", &[TooCommon]),
        ("password123", &[TooCommon]),
        ("Password123!", &[TooCommon]),
        ("P@ssw0rd123!", &[TooCommon]),
        ("passwordpassword", &[TooCommon]),
        ("drowssap123", &[TooCommon]),
        ("ｐａｓｓｗｏｒｄ１２３", &[TooCommon]),
        ("iloveyou2024", &[TooCommon]),
        ("letmein123", &[TooCommon]),
        ("trustno1trustno1", &[TooCommon]),
        ("administrator1", &[TooCommon]),
        ("Welcome123!", &[TooCommon]),
        ("Summer2023!", &[TooCommon]),
        ("12/10/1815", &[TooCommon]),
        ("passwort123", &[TooCommon]),
        ("пароль12345", &[TooCommon]),
        // Our own name.
        ("tollgate123", &[TooCommon]),
        ("T0llgate2026!", &[TooCommon]),
        ("tollgatetollgate", &[TooCommon]),
        ("etagllot123", &[TooCommon]),
        // The person's own words.
        ("ada.lovelace1", &[ContainsPersonal]),
        ("AdaLovelace1815", &[ContainsPersonal]),
        ("ada.lovelace@analytical-engines.co.uk", &[ContainsPersonal]),
        ("analytical-engines", &[ContainsPersonal]),
        ("AnalyticalEngines1", &[ContainsPersonal]),
        ("b4bbage&söhne", &[ContainsPersonal]),
        ("babbagesöhne2024", &[ContainsPersonal]),
        ("augustaadaking", &[ContainsPersonal]),
        // The one character at which other programs end a text.
        ("kettle\0orbit mango", &[ContainsNul]),
    ];

    fn check(text: &str) -> Result<NewPassword, Vec<PasswordWeakness>> {
        let email = EmailAddress::parse("ada.lovelace@analytical-engines.co.uk").unwrap();
        let context = Context {
            email: &email,
            name: "Augusta Ada King",
            company: Some("Babbage & Söhne"),
        };
        NewPassword::check(text, &context)
    }

    #[test]
    fn a_password_that_would_be_guessed_is_refused_and_any_other_is_taken() {
        for (text, weaknesses) in TABLE {
            let found = check(text).map_or_else(|found| found, |_| Vec::new());
            assert_eq!(found, *weaknesses, "{text:?}");
        }
    }

    #[test]
    fn length_is_counted_in_code_points_and_bounded_at_both_ends() {
        let emoji = "😀🚀🌵🦊".repeat(64);
        assert_eq!(emoji.len(), 1024);
        assert_eq!(check(&emoji).unwrap().as_password().expose(), emoji);
        assert_eq!(check(&format!("{emoji}a")), Err(vec![TooLong]));
        assert_eq!(Password::parse(&format!("{emoji}a")), Err(PasswordTooLong));
        // One character of 18 in NFKC.
        assert_eq!(check(&"\u{fdfa}".repeat(15)), Err(vec![TooLong]));
        assert_eq!(check(&"x".repeat(1 << 20)), Err(vec![TooLong]));
    }

    #[test]
    fn a_long_password_counts_to_its_last_character() {
        let (x, y) = ("a".repeat(72) + "X", "a".repeat(72) + "Y");
        let (x, y) = (check(&x).unwrap(), check(&y).unwrap());
        assert_ne!(x.as_password(), y.as_password());
    }

    #[test]
    fn a_long_address_is_no_password_for_its_owner() {
        let text = format!("ada@{}.example.com", "analytical-engines".repeat(2));
        let email = EmailAddress::parse(&text).unwrap();
        let context = Context {
            email: &email,
            name: "Ada",
            company: None,
        };
        assert_eq!(
            NewPassword::check(&text.to_uppercase(), &context),
            Err(vec![ContainsPersonal])
        );
    }

    #[test]
    fn two_keyboards_spellings_of_one_password_are_one_password() {
        let composed = check("caf\u{e9} kettle orbit").unwrap();
        let decomposed = Password::parse("cafe\u{301} kettle orbit").unwrap();
        assert_eq!(composed.as_password(), &decomposed);
    }

    #[test]
    fn debug_shows_nothing_of_a_password() {
        let password = check("kettle-orbit-mango").unwrap();
        assert_eq!(format!("{password:?}"), "NewPassword(Password(…))");
    }

    proptest! {
        #[test]
        fn what_may_be_set_can_be_presented_and_is_the_same(text in "\\PC{0,80}") {
            if let Ok(new) = check(&text) {
                prop_assert_eq!(&Password::parse(&text).unwrap(), new.as_password());
                prop_assert!(new.as_password().expose().chars().count() >= MIN_LENGTH);
            }
        }
    }
}
