//! Reads keys one by one and keeps a record: of what is wrong, and of what holds.

use std::{borrow::Cow, collections::BTreeMap, fmt, io, ops::RangeInclusive, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

/// Keys and their texts, wherever they came from. Its `Debug` shows the keys alone.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The process's environment, over `.env` in the working directory or above it. A value that is no
    /// Unicode counts as missing.
    pub fn of_process() -> io::Result<Self> {
        let mut variables = BTreeMap::new();
        match dotenvy::dotenv_iter() {
            Ok(file) => {
                for pair in file {
                    let (key, text) = pair.map_err(unreadable)?;
                    variables.insert(key, text);
                }
            }
            Err(error) if error.not_found() => {}
            Err(error) => return Err(unreadable(error)),
        }
        let unicode = |(key, text): (std::ffi::OsString, std::ffi::OsString)| {
            Some((key.into_string().ok()?, text.into_string().ok()?))
        };
        variables.extend(std::env::vars_os().filter_map(unicode));
        Ok(Self(variables))
    }

    /// The text of `key`. An empty one counts as missing, as `KEY=` in a file means nothing.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    pub fn set(&mut self, key: &str, text: impl Into<String>) {
        self.0.insert(key.to_owned(), text.into());
    }

    pub fn set_default(&mut self, key: &str, text: impl Into<String>) {
        if self.get(key).is_none() {
            self.set(key, text);
        }
    }

    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a broken line says may be a secret, so only that there is one is told.
fn unreadable(error: dotenvy::Error) -> io::Error {
    match error {
        dotenvy::Error::Io(error) => error,
        dotenvy::Error::LineParse(..) | dotenvy::Error::EnvVar(_) | _ => {
            io::Error::new(io::ErrorKind::InvalidData, "a line of .env cannot be read")
        }
    }
}

/// Every key that is wrong, one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Error)]
pub struct ConfigInvalid(pub Vec<Problem>);

impl fmt::Display for ConfigInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{} {}", problem.key, problem.what)?;
        }
        Ok(())
    }
}

/// What is wrong with one key. It cannot hold the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub key: Cow<'static, str>,
    pub what: &'static str,
}

/// Every key that was read, and what holds for it; secrets only as set or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InForce(Vec<(Cow<'static, str>, String)>);

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, text) in &self.0 {
            writeln!(f, "{key:<23} {text}")?;
        }
        Ok(())
    }
}

type Parsed<T> = Result<T, &'static str>;

/// A method returns `None` when it put a problem on record.
pub(super) struct Reader<'a> {
    variables: &'a Variables,
    problems: Vec<Problem>,
    in_force: InForce,
}

impl<'a> Reader<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        Self {
            variables,
            problems: Vec::new(),
            in_force: InForce::default(),
        }
    }

    pub(super) fn finish(self) -> Result<InForce, ConfigInvalid> {
        if self.problems.is_empty() {
            Ok(self.in_force)
        } else {
            Err(ConfigInvalid(self.problems))
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.text(key).is_some()
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.variables.get(key)
    }

    pub(super) fn refuse(&mut self, key: impl Into<Cow<'static, str>>, what: &'static str) {
        let key = key.into();
        self.problems.push(Problem { key, what });
    }

    pub(super) fn note_unset(&mut self, key: &'static str) {
        self.note(key.into(), "(not set)");
    }

    fn note(&mut self, key: Cow<'static, str>, text: &str) {
        self.in_force.0.push((key, text.to_owned()));
    }

    /// A key with a default.
    pub(super) fn open<T>(
        &mut self,
        key: &'static str,
        default: &str,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Option<T> {
        let text = self.text(key).unwrap_or(default);
        self.note(key.into(), text);
        self.parsed(key.into(), parse(text))
    }

    /// A key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Option<T> {
        let key = key.into();
        let Some(text) = self.text(&key) else {
            self.refuse(key, "is missing");
            return None;
        };
        self.note(key.clone(), text);
        self.parsed(key, parse(text))
    }

    /// A key that may be missing.
    #[expect(
        clippy::option_option,
        reason = "the outer option is whether reading went well, as everywhere here"
    )]
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Option<Option<T>> {
        if self.has(key) {
            self.required(key, parse).map(Some)
        } else {
            self.note_unset(key);
            Some(None)
        }
    }

    /// A key that must be there and is never shown.
    pub(super) fn secret<T>(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Option<T> {
        let key = key.into();
        let Some(text) = self.text(&key) else {
            self.refuse(key, "is missing");
            return None;
        };
        self.note(key.clone(), "(set)");
        self.parsed(key, parse(text))
    }

    /// A key that may be missing and is never shown.
    #[expect(
        clippy::option_option,
        reason = "the outer option is whether reading went well, as everywhere here"
    )]
    pub(super) fn optional_secret<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Option<Option<T>> {
        if self.has(key) {
            self.secret(key, parse).map(Some)
        } else {
            self.note_unset(key);
            Some(None)
        }
    }

    fn parsed<T>(&mut self, key: Cow<'static, str>, parsed: Parsed<T>) -> Option<T> {
        parsed.map_err(|what| self.refuse(key, what)).ok()
    }
}

/// A parser of whole numbers within `range`; `what` names the range.
pub(super) fn number<T: FromStr + PartialOrd>(
    range: RangeInclusive<T>,
    what: &'static str,
) -> impl FnOnce(&str) -> Parsed<T> {
    move |text| {
        let number = text.parse().ok();
        number.filter(|number| range.contains(number)).ok_or(what)
    }
}

/// Hexadecimal digits where they can be that, else base64.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).or_else(|_| STANDARD.decode(text)).ok()
}
