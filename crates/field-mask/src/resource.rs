//! What a resource declares of its fields. Checked where it is declared, by the compiler.

/// What an update may do with a field; [AIP-203](https://google.aip.dev/203).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Can be set, and always has a value.
    Required,
    /// Can be set, and cleared.
    Optional,
    /// Changes by another operation, not by an update.
    ReadOnly,
    /// Fixed when the resource is made.
    Immutable,
    /// Kept by the server alone.
    OutputOnly,
}

impl Behavior {
    #[must_use]
    pub const fn is_writable(self) -> bool {
        match self {
            Self::Required | Self::Optional => true,
            Self::ReadOnly | Self::Immutable | Self::OutputOnly => false,
        }
    }
}

/// One field: a path of the API over a column.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    path: &'static str,
    column: &'static str,
    behavior: Behavior,
}

impl Field {
    #[must_use]
    pub const fn required(path: &'static str) -> Self {
        Self::new(path, Behavior::Required)
    }

    #[must_use]
    pub const fn optional(path: &'static str) -> Self {
        Self::new(path, Behavior::Optional)
    }

    #[must_use]
    pub const fn read_only(path: &'static str) -> Self {
        Self::new(path, Behavior::ReadOnly)
    }

    #[must_use]
    pub const fn immutable(path: &'static str) -> Self {
        Self::new(path, Behavior::Immutable)
    }

    #[must_use]
    pub const fn output_only(path: &'static str) -> Self {
        Self::new(path, Behavior::OutputOnly)
    }

    const fn new(path: &'static str, behavior: Behavior) -> Self {
        Self {
            path,
            column: path,
            behavior,
        }
    }

    /// For a column that is not called as the path is.
    #[must_use]
    pub const fn column(mut self, column: &'static str) -> Self {
        self.column = column;
        self
    }

    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    #[must_use]
    pub const fn column_name(&self) -> &'static str {
        self.column
    }

    #[must_use]
    pub const fn behavior(&self) -> Behavior {
        self.behavior
    }
}

/// A table with the fields that the API shows of it. Its rows have an `id` and an `updated_at`.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    pub(crate) table: &'static str,
    pub(crate) fields: &'static [Field],
    pub(crate) is_soft_deleted: bool,
}

impl Resource {
    /// # Panics
    /// When a name is no plain identifier (`a-z`, `0-9`, `_`, a letter first), a path or a column is
    /// declared twice, no field can be set, or one that can be is `id`, `updated_at` or `deleted_at`: at
    /// compile time, if the resource is a `static`.
    ///
    /// ```compile_fail
    /// use tollgate_field_mask::{Field, Resource};
    ///
    /// static BOOKMARK: Resource = Resource::new("bookmarks; --", &[Field::required("title")]);
    /// ```
    #[must_use]
    pub const fn new(table: &'static str, fields: &'static [Field]) -> Self {
        assert!(is_identifier(table), "the table has no plain name");
        let mut rest = fields;
        let mut is_writable = false;
        while let Some((field, others)) = rest.split_first() {
            assert!(is_identifier(field.path), "a path is no plain name");
            assert!(is_identifier(field.column), "a column has no plain name");
            let mut later = others;
            while let Some((other, after)) = later.split_first() {
                assert!(!same(field.path, other.path), "a path is declared twice");
                assert!(
                    !same(field.column, other.column),
                    "a column is declared twice"
                );
                later = after;
            }
            if field.behavior.is_writable() {
                is_writable = true;
                assert!(
                    !same(field.column, "id")
                        && !same(field.column, "updated_at")
                        && !same(field.column, "deleted_at"),
                    "a column that the update itself needs cannot be set"
                );
            }
            rest = others;
        }
        assert!(is_writable, "no field can be set");
        Self {
            table,
            fields,
            is_soft_deleted: false,
        }
    }

    /// A row whose `deleted_at` is set does not exist for an update.
    #[must_use]
    pub const fn soft_deleted(mut self) -> Self {
        self.is_soft_deleted = true;
        self
    }

    #[must_use]
    pub const fn fields(&self) -> &'static [Field] {
        self.fields
    }

    pub(crate) fn field(&self, path: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.path == path)
    }
}

const fn is_identifier(text: &str) -> bool {
    let mut rest = text.as_bytes();
    if !matches!(rest.first(), Some(b'a'..=b'z')) {
        return false;
    }
    while let Some((byte, after)) = rest.split_first() {
        if !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        rest = after;
    }
    true
}

/// `==` on texts is not for constants yet.
const fn same(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let (Some((x, rest_of_a)), Some((y, rest_of_b))) = (a.split_first(), b.split_first()) {
        if *x != *y {
            return false;
        }
        (a, b) = (rest_of_a, rest_of_b);
    }
    a.is_empty() && b.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_identifiers() {
        for plain in ["a", "name", "team_size_bucket", "a1"] {
            assert!(is_identifier(plain), "{plain}");
        }
        for other in ["", "1a", "_a", "Name", "a b", "a;", "a\"", "é", "a.b", "*"] {
            assert!(!is_identifier(other), "{other}");
        }
    }

    #[test]
    fn texts_are_the_same_when_all_of_them_is() {
        for (a, b) in [("", ""), ("a", "a"), ("name", "name")] {
            assert!(same(a, b));
        }
        for (a, b) in [
            ("", "a"),
            ("a", ""),
            ("a", "b"),
            ("name", "names"),
            ("names", "name"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_declaration_that_makes_no_statement_is_refused() {
        const CASES: [(&str, &[Field]); 7] = [
            ("users u", &[Field::required("name")]),
            ("users", &[Field::required("na me")]),
            ("users", &[Field::required("name").column("name, id")]),
            (
                "users",
                &[Field::required("name"), Field::optional("name").column("x")],
            ),
            (
                "users",
                &[
                    Field::required("name"),
                    Field::optional("title").column("name"),
                ],
            ),
            ("users", &[Field::output_only("name")]),
            ("users", &[Field::required("changed").column("updated_at")]),
        ];
        for (table, fields) in CASES {
            let declared = std::panic::catch_unwind(|| Resource::new(table, fields));
            assert!(declared.is_err(), "{table} {fields:?}");
        }
    }
}
