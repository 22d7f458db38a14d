//! Update masks as of [AIP-134](https://google.aip.dev/134): which fields of a resource an update is to
//! set, checked against what the resource declares, and the one statement that sets them.
//!
//! A [`Resource`] declares its fields once, as a `static`: each with its path in the API, its column, and
//! its [`Behavior`]. [`Resource::mask`] turns a caller's text into a [`Mask`] or refuses it,
//! [`Mask::changes`] takes the values of just the fields that it names, and [`Changes::update`] is the
//! statement. Pure: no clock, no I/O, no async. Whether a value may be stored is the caller's to judge.
//!
//! - **No text of a caller reaches the statement.** It is put together from the declaration alone, which
//!   does not compile when it holds anything but plain identifiers; values are parameters.
//! - **One order.** Columns come in the order of the declaration, whatever the order of the mask, so that a
//!   database prepares each combination once.
//! - **Nothing beside.** Only what the mask names is written, with the time of the update; only declared
//!   columns come back; a row that was deleted softly is not found.
//!
//! Where AIP-134 leaves a choice:
//!
//! | case | here |
//! |---|---|
//! | the mask is empty | refused, `empty_mask`: nobody means "everything I sent" by nothing |
//! | `*` | every field that can be set: a full replacement. It stands alone; beside other paths it is no field |
//! | a path of the mask has no value, or `null` | the field is cleared; one that must have a value is refused ([`ValuesMissing`]) |
//! | a value that the mask does not name | ignored, whatever it is |
//! | a value of an unknown field | refused by [`Resource::check_body`], `unknown_field` |
//! | a path twice | refused, `duplicate_field` |
//! | a path into a field (`name.first`) | refused, `unknown_field`: fields have no parts |
//! | a field that this update cannot set | refused, `immutable_field`, each kind with a sentence of its own |
//! | space around a path | ignored |
//!
//! Usable on its own by any service: see `examples/update_a_bookmark.rs`.

mod changes;
mod mask;
mod resource;

pub use changes::{Changes, ValuesMissing};
pub use mask::{Mask, MaskRefused};
pub use resource::{Behavior, Field, Resource};
