//! Rows of one kind in the order they were made, found by id.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Something with an id.
pub(crate) trait Row {
    fn id(&self) -> &str;
    fn created(&self) -> i64;
}

#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Vec<T>,
    places: HashMap<String, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T: Row> Table<T> {
    pub(crate) fn insert(&mut self, row: T) {
        self.places.insert(row.id().to_owned(), self.rows.len());
        self.rows.push(row);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.places.get(id).and_then(|place| self.rows.get(*place))
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.places
            .get(id)
            .and_then(|place| self.rows.get_mut(*place))
    }

    /// Newest first, as every list of Stripe's.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().rev()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter()
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        let before = self.rows.len();
        self.rows.retain(keep);
        if self.rows.len() != before {
            self.places = index(&self.rows);
        }
    }
}

fn index<T: Row>(rows: &[T]) -> HashMap<String, usize> {
    rows.iter()
        .enumerate()
        .map(|(place, row)| (row.id().to_owned(), place))
        .collect()
}

impl<T: Serialize> Serialize for Table<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl<'de, T: Row + Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = Vec::<T>::deserialize(deserializer)?;
        Ok(Self {
            places: index(&rows),
            rows,
        })
    }
}

macro_rules! rows {
    ($($kind:ty),+) => {$(
        impl crate::state::table::Row for $kind {
            fn id(&self) -> &str { &self.id }
            fn created(&self) -> i64 { self.created }
        }
    )+};
}
pub(crate) use rows;
