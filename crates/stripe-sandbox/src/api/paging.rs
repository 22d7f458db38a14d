//! Lists: filters by time, cursors, pages of 1 to 100, newest first.

use serde_json::Value;

use crate::{errors::StripeError, form::Params, state::table::Row, wire};

/// Which page is asked for.
#[derive(Debug)]
pub(super) struct Page {
    limit: usize,
    cursor: Option<Cursor>,
}

#[derive(Debug)]
enum Cursor {
    After(String),
    Before(String),
}

impl Page {
    pub(super) fn read(params: &mut Params) -> Result<Self, StripeError> {
        let limit = params.integer("limit", (1, 100))?.unwrap_or(10);
        let after = params.text("starting_after")?;
        let before = params.text("ending_before")?;
        let cursor = match (after, before) {
            (Some(_), Some(_)) => {
                return Err(StripeError::parameter(
                    None,
                    "ending_before",
                    "Received both ending_before and starting_after parameters. Please pass in only one.",
                ));
            }
            (Some(id), None) => Some(Cursor::After(id)),
            (None, Some(id)) => Some(Cursor::Before(id)),
            (None, None) => None,
        };
        Ok(Self {
            limit: usize::try_from(limit).unwrap_or(10),
            cursor,
        })
    }

    /// Cuts the page out of `rows`, which are newest first.
    pub(super) fn cut<'a, T: Row + 'a>(
        &self,
        url: &str,
        rows: impl Iterator<Item = &'a T>,
        show: impl Fn(&T) -> Value,
    ) -> Result<Value, StripeError> {
        let (shown, has_more) = match &self.cursor {
            None => first(rows, self.limit),
            Some(Cursor::After(id)) => {
                let mut rows = rows;
                if !rows.any(|row| row.id() == id) {
                    return Err(unknown(url, id, "starting_after"));
                }
                first(rows, self.limit)
            }
            Some(Cursor::Before(id)) => {
                let rows: Vec<&T> = rows.collect();
                let place = rows
                    .iter()
                    .position(|row| row.id() == id)
                    .ok_or_else(|| unknown(url, id, "ending_before"))?;
                let start = place.saturating_sub(self.limit);
                (
                    rows.into_iter().take(place).skip(start).collect(),
                    start > 0,
                )
            }
        };
        Ok(wire::list(
            url,
            shown.into_iter().map(show).collect(),
            has_more,
        ))
    }
}

fn first<'a, T>(rows: impl Iterator<Item = &'a T>, limit: usize) -> (Vec<&'a T>, bool) {
    let mut shown: Vec<&T> = rows.take(limit + 1).collect();
    let has_more = shown.len() > limit;
    shown.truncate(limit);
    (shown, has_more)
}

fn unknown(url: &str, id: &str, param: &str) -> StripeError {
    let collection = url.rsplit('/').next().unwrap_or_default();
    StripeError::no_such_in(collection.trim_end_matches('s'), id, param)
}

/// `created=…` or `created[gte]=…`, Unix seconds.
#[derive(Debug, Default)]
pub(super) struct Created {
    from: Option<i64>,
    until: Option<i64>,
}

impl Created {
    pub(super) fn read(params: &mut Params) -> Result<Self, StripeError> {
        let mut probe = params.clone();
        if let Ok(Some(moment)) = probe.timestamp("created") {
            *params = probe;
            return Ok(Self {
                from: Some(moment),
                until: Some(moment),
            });
        }
        let Some(mut bounds) = params.object("created")? else {
            return Ok(Self::default());
        };
        let after = bounds.timestamp("gt")?.map(|moment| moment + 1);
        let before = bounds.timestamp("lt")?.map(|moment| moment - 1);
        let created = Self {
            from: bounds.timestamp("gte")?.max(after),
            until: match (bounds.timestamp("lte")?, before) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        };
        bounds.finish()?;
        Ok(created)
    }

    pub(super) fn holds(&self, row: &impl Row) -> bool {
        self.from.is_none_or(|from| row.created() >= from)
            && self.until.is_none_or(|until| row.created() <= until)
    }
}

/// Whether a row's value is the one asked for, if one was.
pub(super) fn matches(asked: Option<&String>, value: Option<&str>) -> bool {
    asked.is_none_or(|asked| value == Some(asked))
}
