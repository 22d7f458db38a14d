//! What an update sets, and the statement that sets it.

use std::fmt::Write;

use thiserror::Error;

use crate::{Behavior, Field, Mask, Resource};

/// Fields to set with their values; `None` clears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes<V> {
    resource: &'static Resource,
    set: Vec<(&'static Field, Option<V>)>,
}

/// Fields that the mask names, that always have a value, and that were given none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a value is needed for {}", .0.join(", "))]
pub struct ValuesMissing(pub Vec<&'static str>);

impl Mask {
    /// Takes a value for each field of the mask, and for no other: `value` is given its path, and answers
    /// `None` where the body has none, or `null`.
    pub fn changes<V>(
        self,
        mut value: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Changes<V>, ValuesMissing> {
        let with_value = |field: &'static Field| (field, value(field.path()));
        let set: Vec<_> = self.fields.into_iter().map(with_value).collect();
        let is_missing = |(field, value): &&(&'static Field, Option<V>)| {
            value.is_none() && field.behavior() == Behavior::Required
        };
        let missing = set.iter().filter(is_missing);
        let missing: Vec<_> = missing.map(|(field, _)| field.path()).collect();
        if !missing.is_empty() {
            return Err(ValuesMissing(missing));
        }
        Ok(Changes {
            resource: self.resource,
            set,
        })
    }
}

impl<V> Changes<V> {
    /// Each field with its value, in the order of the statement's parameters.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Field, Option<&V>)> {
        self.set
            .iter()
            .map(|(field, value)| (*field, value.as_ref()))
    }

    /// The paths of the fields that are set: what may be written into an audit trail.
    #[must_use]
    pub fn paths(&self) -> Vec<&'static str> {
        self.set.iter().map(|(field, _)| field.path()).collect()
    }

    /// The statement for `PostgreSQL`. Its parameters are the row's id, the time of the update, then the
    /// values as [`Changes::iter`] gives them. It answers the declared columns in their order, or no row
    /// where there is none such.
    #[must_use]
    pub fn update(&self) -> String {
        let mut sql = format!("UPDATE {} SET ", self.resource.table);
        for (place, (field, _)) in (3..).zip(&self.set) {
            // Writing to a text cannot fail.
            let _ = write!(sql, "{} = ${place}, ", field.column_name());
        }
        sql.push_str("updated_at = $2 WHERE id = $1");
        if self.resource.is_soft_deleted {
            sql.push_str(" AND deleted_at IS NULL");
        }
        let columns = self.resource.fields.iter().map(Field::column_name);
        let columns: Vec<_> = columns.collect();
        sql.push_str(" RETURNING ");
        sql.push_str(&columns.join(", "));
        sql
    }
}
