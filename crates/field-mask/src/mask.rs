//! What a caller names, checked. A [`Mask`] is made by checking alone.

use thiserror::Error;

use crate::{Behavior, Field, Resource};

/// Names every field that can be set.
const ALL: &str = "*";

/// The longest part of a caller's path that a refusal repeats, in code points.
const SHOWN: usize = 80;

/// The fields that an update is to set: one at least, each once, in the order of their declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    pub(crate) resource: &'static Resource,
    pub(crate) fields: Vec<&'static Field>,
}

/// Why a mask, or a body, is refused; as text, a sentence for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MaskRefused {
    #[error("Name the fields to change, separated by commas, or * for all.")]
    Empty,
    #[error("Leave out the field {0}: it is not known here.")]
    Unknown(String),
    #[error("Name the field {0} once.")]
    Duplicate(&'static str),
    #[error("Leave out the field {0}: it is not changed by an update.")]
    ReadOnly(&'static str),
    #[error("Leave out the field {0}: it never changes.")]
    Immutable(&'static str),
    #[error("Leave out the field {0}: the server keeps it.")]
    OutputOnly(&'static str),
}

impl MaskRefused {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_mask",
            Self::Unknown(_) => "unknown_field",
            Self::Duplicate(_) => "duplicate_field",
            Self::ReadOnly(_) | Self::Immutable(_) | Self::OutputOnly(_) => "immutable_field",
        }
    }

    /// The path at fault, if it is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Empty => None,
            Self::Unknown(path) => Some(path),
            Self::Duplicate(path)
            | Self::ReadOnly(path)
            | Self::Immutable(path)
            | Self::OutputOnly(path) => Some(path),
        }
    }

    fn unknown(path: &str) -> Self {
        Self::Unknown(path.chars().take(SHOWN).collect())
    }
}

impl Resource {
    /// Checks the text of a mask: paths separated by commas, or `*`. The first that is wrong is named.
    pub fn mask(&'static self, text: &str) -> Result<Mask, MaskRefused> {
        let text = text.trim();
        if text.is_empty() {
            return Err(MaskRefused::Empty);
        }
        let mut is_named = vec![false; self.fields.len()];
        if text == ALL {
            for (is_named, field) in is_named.iter_mut().zip(self.fields) {
                *is_named = field.behavior().is_writable();
            }
        } else {
            for path in text.split(',') {
                self.name(path.trim(), &mut is_named)?;
            }
        }
        let named = self.fields.iter().zip(is_named);
        Ok(Mask {
            resource: self,
            fields: named
                .filter_map(|(field, named)| named.then_some(field))
                .collect(),
        })
    }

    fn name(&'static self, path: &str, is_named: &mut [bool]) -> Result<(), MaskRefused> {
        let mut places = self.fields.iter().zip(is_named);
        let found = places.find(|(field, _)| field.path() == path);
        let (field, is_named) = found.ok_or_else(|| MaskRefused::unknown(path))?;
        match field.behavior() {
            Behavior::Required | Behavior::Optional => {}
            Behavior::ReadOnly => return Err(MaskRefused::ReadOnly(field.path())),
            Behavior::Immutable => return Err(MaskRefused::Immutable(field.path())),
            Behavior::OutputOnly => return Err(MaskRefused::OutputOnly(field.path())),
        }
        if std::mem::replace(is_named, true) {
            return Err(MaskRefused::Duplicate(field.path()));
        }
        Ok(())
    }

    /// Checks the names in a body: whatever the mask says, it holds fields of the resource alone. Whoever
    /// sends back all that was read, with what the server keeps, is not refused.
    pub fn check_body<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), MaskRefused> {
        names
            .into_iter()
            .try_for_each(|name| match self.field(name) {
                Some(_) => Ok(()),
                None => Err(MaskRefused::unknown(name)),
            })
    }
}
