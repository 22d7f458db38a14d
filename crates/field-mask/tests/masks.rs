//! What a mask may name, what becomes of it, and that no text of a caller gets any further.

#![cfg(test)]
#![expect(clippy::too_many_lines, reason = "a table of cases stands in its test")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, sample::subsequence};
use tollgate_field_mask::{Field, MaskRefused, Resource, ValuesMissing};

static USER: Resource = Resource::new(
    "users",
    &[
        Field::immutable("id"),
        Field::read_only("email"),
        Field::required("name").column("display_name"),
        Field::optional("timezone"),
        Field::optional("pronouns"),
        Field::output_only("created_at"),
    ],
)
.soft_deleted();

static NOTE: Resource = Resource::new("notes", &[Field::required("text")]);

const WRITABLE: [&str; 3] = ["name", "timezone", "pronouns"];

fn statement(mask: &str) -> String {
    let changes = USER.mask(mask).unwrap().changes(Some);
    changes.unwrap().update()
}

#[test]
fn a_statement_sets_what_is_named_and_the_time_and_answers_what_is_declared() {
    assert_eq!(
        statement("timezone,name"),
        "UPDATE users SET display_name = $3, timezone = $4, updated_at = $2 \
         WHERE id = $1 AND deleted_at IS NULL \
         RETURNING id, email, display_name, timezone, pronouns, created_at"
    );
    let changes = NOTE.mask("text").unwrap().changes(|_| Some("x")).unwrap();
    assert_eq!(
        changes.update(),
        "UPDATE notes SET text = $3, updated_at = $2 WHERE id = $1 RETURNING text"
    );
}

#[test]
fn a_star_names_everything_that_can_be_set() {
    assert_eq!(statement("*"), statement("name,timezone,pronouns"));
    let replaced = USER
        .mask("*")
        .unwrap()
        .changes(|path| (path == "name").then_some("Ada"));
    let values: Vec<_> = replaced
        .unwrap()
        .iter()
        .map(|(_, value)| value.copied())
        .collect();
    assert_eq!(values, [Some("Ada"), None, None]);
}

#[test]
fn space_around_a_path_means_nothing() {
    assert_eq!(statement(" name , timezone\n"), statement("name,timezone"));
}

#[test]
fn each_refusal_has_its_code_its_field_and_its_sentence() {
    for (mask, code, field, sentence) in [
        (
            "",
            "empty_mask",
            None,
            "Name the fields to change, separated by commas, or * for all.",
        ),
        (
            " \t\n",
            "empty_mask",
            None,
            "Name the fields to change, separated by commas, or * for all.",
        ),
        (
            ",",
            "unknown_field",
            Some(""),
            "Leave out the field : it is not known here.",
        ),
        (
            "name,",
            "unknown_field",
            Some(""),
            "Leave out the field : it is not known here.",
        ),
        (
            "nmae",
            "unknown_field",
            Some("nmae"),
            "Leave out the field nmae: it is not known here.",
        ),
        (
            "Name",
            "unknown_field",
            Some("Name"),
            "Leave out the field Name: it is not known here.",
        ),
        (
            "display_name",
            "unknown_field",
            Some("display_name"),
            "Leave out the field display_name: it is not known here.",
        ),
        (
            "name.first",
            "unknown_field",
            Some("name.first"),
            "Leave out the field name.first: it is not known here.",
        ),
        (
            "*,name",
            "unknown_field",
            Some("*"),
            "Leave out the field *: it is not known here.",
        ),
        (
            "name,*",
            "unknown_field",
            Some("*"),
            "Leave out the field *: it is not known here.",
        ),
        (
            "name;timezone",
            "unknown_field",
            Some("name;timezone"),
            "Leave out the field name;timezone: it is not known here.",
        ),
        (
            "name,name",
            "duplicate_field",
            Some("name"),
            "Name the field name once.",
        ),
        (
            "name,timezone, name",
            "duplicate_field",
            Some("name"),
            "Name the field name once.",
        ),
        (
            "email",
            "immutable_field",
            Some("email"),
            "Leave out the field email: it is not changed by an update.",
        ),
        (
            "name,id",
            "immutable_field",
            Some("id"),
            "Leave out the field id: it never changes.",
        ),
        (
            "created_at",
            "immutable_field",
            Some("created_at"),
            "Leave out the field created_at: the server keeps it.",
        ),
        (
            "updated_at",
            "unknown_field",
            Some("updated_at"),
            "Leave out the field updated_at: it is not known here.",
        ),
    ] {
        let refused = USER.mask(mask).unwrap_err();
        assert_eq!(
            (
                refused.code(),
                refused.field(),
                refused.to_string().as_str()
            ),
            (code, field, sentence),
            "{mask:?}"
        );
    }
}

#[test]
fn a_refusal_repeats_little_of_what_was_sent() {
    let refused = USER.mask(&"é".repeat(1 << 20)).unwrap_err();
    assert_eq!(refused, MaskRefused::Unknown("é".repeat(80)));
}

#[test]
fn a_named_field_without_a_value_is_cleared_if_it_may_be_empty() {
    let cleared = USER.mask("timezone").unwrap().changes(|_| None::<String>);
    let set: Vec<_> = cleared
        .unwrap()
        .iter()
        .map(|(field, value)| (field.path(), value.cloned()))
        .collect();
    assert_eq!(set, [("timezone", None)]);
    let refused = USER.mask("*").unwrap().changes(|_| None::<String>);
    assert_eq!(refused, Err(ValuesMissing(vec!["name"])));
}

#[test]
fn a_value_that_the_mask_does_not_name_is_not_even_looked_at() {
    let mut asked = Vec::new();
    let changes = USER.mask("timezone").unwrap().changes(|path| {
        asked.push(path);
        Some("Europe/London")
    });
    assert_eq!(changes.unwrap().paths(), ["timezone"]);
    assert_eq!(asked, ["timezone"]);
}

#[test]
fn a_body_holds_fields_of_the_resource_alone() {
    assert_eq!(
        USER.check_body(["name", "email", "id", "created_at"]),
        Ok(())
    );
    assert_eq!(USER.check_body([]), Ok(()));
    for unknown in [
        "display_name",
        "is_admin",
        "password_hash",
        "",
        "*",
        "deleted_at",
    ] {
        let refused = USER.check_body(["name", unknown]);
        assert_eq!(refused, Err(MaskRefused::Unknown(unknown.to_owned())));
    }
}

proptest! {
    #[test]
    fn the_order_of_a_mask_means_nothing(
        (sorted, shuffled) in subsequence(WRITABLE.to_vec(), 1..=3)
            .prop_flat_map(|paths| (Just(paths.clone()), Just(paths).prop_shuffle()))
    ) {
        let changes = |paths: &[&str]| USER.mask(&paths.join(",")).unwrap().changes(Some).unwrap();
        prop_assert_eq!(changes(&sorted), changes(&shuffled));
        prop_assert_eq!(changes(&shuffled).paths(), sorted);
    }

    #[test]
    fn whatever_is_sent_only_declared_names_come_out(
        mask in prop_oneof![
            "(?s).{0,60}",
            r"(\*|name|timezone|pronouns|email|id|[a-z_.]{0,6}|[;'\x22-]{1,4})( ?, ?(\*|name|timezone|pronouns|id|x|'--)){0,4}",
        ],
        body in proptest::collection::btree_map("[a-z_*.]{0,10}", "(?s).{0,10}", 0..5),
    ) {
        let body: BTreeMap<String, String> = body;
        match USER.mask(&mask) {
            Err(refused) => prop_assert!(
                ["empty_mask", "unknown_field", "duplicate_field", "immutable_field"]
                    .contains(&refused.code())
            ),
            Ok(mask) => {
                let changes = mask.changes(|path| Some(body.get(path).cloned().unwrap_or_default()));
                let changes = changes.unwrap();
                let paths = changes.paths();
                prop_assert!(!paths.is_empty());
                prop_assert!(paths.iter().all(|path| WRITABLE.contains(path)));
                prop_assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len());
                // The same few statements, whatever was sent.
                prop_assert_eq!(changes.update(), statement(&paths.join(",")));
                prop_assert!(changes.update().contains("updated_at = $2"));
            }
        }
    }
}
