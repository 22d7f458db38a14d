//! A body whose fields are declared elsewhere: the values of a resource, each known and given once.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::Value;
use tollgate_field_mask::{Changes, Resource, ValuesMissing};

use crate::http::error::{ApiError, FieldError};

#[derive(Debug, Default)]
pub(crate) struct FieldValues(pub(crate) BTreeMap<String, Value>);

impl FieldValues {
    /// What is to be set of `resource`: the fields that `mask` names, each as `parse` reads its text.
    pub(crate) fn changes(
        &self,
        resource: &'static Resource,
        mask: &str,
        parse: impl Fn(&'static str, &str) -> Result<String, FieldError>,
    ) -> Result<Changes<String>, ApiError> {
        let mask = resource.mask(mask)?;
        resource.check_body(self.0.keys().map(String::as_str))?;
        let mut wrong = Vec::new();
        let changes = mask.changes(|path| {
            let parsed = match self.0.get(path) {
                None | Some(Value::Null) => return None,
                Some(Value::String(text)) => parse(path, text),
                Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    Err(field(
                        path,
                        "invalid_type",
                        "This field has the wrong type.",
                    ))
                }
            };
            // There is a value, so that none is missing; it goes no further.
            Some(parsed.unwrap_or_else(|error| {
                wrong.push(error);
                String::new()
            }))
        });
        match changes {
            Ok(changes) if wrong.is_empty() => Ok(changes),
            Ok(_) => Err(ApiError::validation(&wrong)),
            Err(ValuesMissing(paths)) => {
                let missing = paths
                    .into_iter()
                    .map(|path| field(path, "required", "This field is needed."));
                wrong.extend(missing);
                Err(ApiError::validation(&wrong))
            }
        }
    }
}

pub(crate) fn field(name: &str, code: &'static str, message: impl fmt::Display) -> FieldError {
    FieldError {
        field: name.to_owned(),
        code,
        message: message.to_string(),
    }
}

/// A field given twice is refused as everywhere else, not taken by its last value.
impl<'de> Deserialize<'de> for FieldValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = FieldValues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldValues, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if fields.insert(name, value).is_some() {
                return Err(de::Error::duplicate_field("of the body"));
            }
        }
        Ok(FieldValues(fields))
    }
}
