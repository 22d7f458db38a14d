//! A service of its own that lets people change their bookmarks, and nothing else of them.
//!
//! `cargo run -p tollgate-field-mask --example update_a_bookmark`

use std::collections::BTreeMap;

use tollgate_field_mask::{Field, Resource};

/// The whole declaration: paths of the API, and the columns behind them.
static BOOKMARK: Resource = Resource::new(
    "bookmarks",
    &[
        Field::immutable("id"),
        Field::required("title"),
        Field::optional("note").column("note_markdown"),
        Field::output_only("created_at"),
    ],
)
.soft_deleted();

/// A body as any JSON library reads it; `None` is `null`.
type Body = BTreeMap<&'static str, Option<&'static str>>;

fn main() {
    let body: Body = [
        ("title", Some("AIP-134")),
        ("note", None),
        ("created_at", Some("1999-01-01T00:00:00Z")),
    ]
    .into();
    let untitled: Body = [("title", None)].into();

    for (mask, body) in [
        ("note,title", &body),
        ("title", &body),
        ("*", &body),
        ("title", &untitled),
        ("", &body),
        ("owner", &body),
        ("created_at", &body),
        ("title.en", &body),
    ] {
        match update(mask, body) {
            Ok(statement) => println!("{mask:?}\n  {statement}"),
            Err(refusal) => println!("{mask:?}\n  {refusal}"),
        }
    }
}

/// The statement with its values after the row's id and the time; how it is run is the service's.
fn update(mask: &str, body: &Body) -> Result<String, String> {
    let mask = BOOKMARK
        .mask(mask)
        .and_then(|mask| BOOKMARK.check_body(body.keys().copied()).map(|()| mask))
        .map_err(|refused| format!("400 {}: {refused}", refused.code()))?;
    let changes = mask
        .changes(|path| body.get(path).copied().flatten())
        .map_err(|missing| format!("422 {missing}"))?;
    let values: Vec<_> = changes.iter().map(|(_, value)| value.copied()).collect();
    Ok(format!("{}\n  with {values:?}", changes.update()))
}
