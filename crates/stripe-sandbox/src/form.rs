//! Reads form-encoded parameters with brackets (`items[0][price]=…`) and refuses what was not
//! asked for. Every reader takes its parameter out; [`Params::finish`] names the first one left.

use std::collections::BTreeMap;

use url::form_urlencoded;

use crate::errors::StripeError;

type Read<T> = Result<T, StripeError>;

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Map(BTreeMap<String, Node>),
}

/// The parameters of one call, or of one nested object in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    path: String,
    fields: BTreeMap<String, Node>,
}

impl Params {
    /// Parses a query string or a form body. Of a repeated name the last one counts.
    pub(crate) fn parse(encoded: &[u8]) -> Read<Self> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            insert(&mut fields, &name, value.into_owned())?;
        }
        Ok(Self {
            path: String::new(),
            fields,
        })
    }

    /// The parameter's full name, as Stripe's `param` gives it.
    pub(crate) fn name(&self, field: &str) -> String {
        if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{}[{field}]", self.path)
        }
    }

    /// A text; an empty one is refused, as Stripe takes it for an attempt to unset.
    pub(crate) fn text(&mut self, field: &str) -> Read<Option<String>> {
        match self.clearable_text(field)? {
            Some(text) if text.is_empty() => Err(self.empty(field)),
            other => Ok(other),
        }
    }

    /// A text that may be empty, which unsets the field.
    pub(crate) fn clearable_text(&mut self, field: &str) -> Read<Option<String>> {
        match self.fields.remove(field) {
            None => Ok(None),
            Some(Node::Text(text)) if text.chars().count() > 5000 => Err(StripeError::parameter(
                Some("parameter_invalid_string"),
                self.name(field),
                format!(
                    "Invalid string: {}…; must be at most 5000 characters",
                    start_of(&text)
                ),
            )),
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(Node::Map(_)) => Err(self.invalid(
                Some("parameter_invalid_string"),
                field,
                "Invalid string: {…}",
            )),
        }
    }

    pub(crate) fn required_text(&mut self, field: &str) -> Read<String> {
        self.text(field)?
            .ok_or_else(|| StripeError::missing_parameter(self.name(field)))
    }

    /// A whole number within `bounds`, both included.
    pub(crate) fn integer(&mut self, field: &str, bounds: (i64, i64)) -> Read<Option<i64>> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let code = Some("parameter_invalid_integer");
        let Ok(number) = text.parse::<i64>() else {
            return Err(self.invalid(code, field, format!("Invalid integer: {text}")));
        };
        if number < bounds.0 {
            let message = format!("This value must be greater than or equal to {}.", bounds.0);
            return Err(self.invalid(code, field, message));
        }
        if number > bounds.1 {
            let message = format!("This value must be less than or equal to {}.", bounds.1);
            return Err(self.invalid(code, field, message));
        }
        Ok(Some(number))
    }

    /// Unix seconds.
    pub(crate) fn timestamp(&mut self, field: &str) -> Read<Option<i64>> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        match text.parse::<i64>() {
            Ok(moment) if (0..=253_402_300_799).contains(&moment) => Ok(Some(moment)),
            Ok(_) | Err(_) => Err(self.invalid(
                Some("parameter_invalid_integer"),
                field,
                format!("Invalid timestamp: {text}. Must be an integer Unix timestamp in the past or future."),
            )),
        }
    }

    pub(crate) fn boolean(&mut self, field: &str) -> Read<Option<bool>> {
        match self.text(field)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(self.invalid(None, field, format!("Invalid boolean: {other}"))),
        }
    }

    /// One of the named values.
    pub(crate) fn choice<T: Copy>(&mut self, field: &str, named: &[(&str, T)]) -> Read<Option<T>> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        if let Some((_, value)) = named.iter().find(|(name, _)| *name == text) {
            return Ok(Some(*value));
        }
        let all: Vec<_> = named.iter().map(|(name, _)| *name).collect();
        let message = format!("Invalid {field}: must be one of {}", all.join(", "));
        Err(self.invalid(None, field, message))
    }

    /// A nested object; the empty text clears it.
    pub(crate) fn clearable_object(&mut self, field: &str) -> Read<Change<Self>> {
        match self.fields.remove(field) {
            None => Ok(Change::Keep),
            Some(Node::Map(fields)) => Ok(Change::Set(Self {
                path: self.name(field),
                fields,
            })),
            Some(Node::Text(text)) if text.is_empty() => Ok(Change::Clear),
            Some(Node::Text(_)) => Err(self.invalid(None, field, "Invalid object")),
        }
    }

    pub(crate) fn object(&mut self, field: &str) -> Read<Option<Self>> {
        match self.clearable_object(field)? {
            Change::Keep => Ok(None),
            Change::Set(object) => Ok(Some(object)),
            Change::Clear => Err(self.empty(field)),
        }
    }

    /// A list of nested objects, in the order of their indices.
    pub(crate) fn objects(&mut self, field: &str) -> Read<Vec<Self>> {
        let name = self.name(field);
        let mut objects = Vec::new();
        for (index, node) in self.elements(field)? {
            match node {
                Node::Map(fields) => objects.push(Self {
                    path: format!("{name}[{index}]"),
                    fields,
                }),
                Node::Text(_) => return Err(self.invalid(None, field, "Invalid array")),
            }
        }
        Ok(objects)
    }

    /// A list of texts, in the order of their indices.
    pub(crate) fn texts(&mut self, field: &str) -> Read<Vec<String>> {
        let mut texts = Vec::new();
        for (_, node) in self.elements(field)? {
            match node {
                Node::Text(text) => texts.push(text),
                Node::Map(_) => return Err(self.invalid(None, field, "Invalid array")),
            }
        }
        Ok(texts)
    }

    /// `metadata[key]=value`; an empty value removes the key, an empty `metadata` all of them.
    pub(crate) fn metadata(&mut self) -> Read<MetadataChange> {
        let object = match self.clearable_object("metadata")? {
            Change::Keep => return Ok(MetadataChange::default()),
            Change::Clear => {
                return Ok(MetadataChange {
                    clear: true,
                    set: BTreeMap::new(),
                });
            }
            Change::Set(object) => object,
        };
        let mut set = BTreeMap::new();
        for (key, node) in object.fields.clone() {
            match node {
                Node::Text(value) if key.chars().count() <= 40 && value.chars().count() <= 500 => {
                    set.insert(key, value);
                }
                Node::Text(_) | Node::Map(_) => {
                    let message = "Metadata values must be strings of at most 500 characters under keys of at most 40.";
                    return Err(object.invalid(None, &key, message));
                }
            }
        }
        Ok(MetadataChange { clear: false, set })
    }

    /// Parameters that Stripe knows and that change nothing here.
    pub(crate) fn ignore(&mut self, fields: &[&str]) {
        for field in fields {
            self.fields.remove(*field);
        }
    }

    /// Refuses whatever nobody asked for.
    pub(crate) fn finish(self) -> Read<()> {
        let Some(field) = self.fields.keys().next() else {
            return Ok(());
        };
        let name = self.name(field);
        let message = format!("Received unknown parameter: {name}");
        Err(StripeError::parameter(
            Some("parameter_unknown"),
            name,
            message,
        ))
    }

    fn elements(&mut self, field: &str) -> Read<Vec<(String, Node)>> {
        match self.fields.remove(field) {
            None => Ok(Vec::new()),
            Some(Node::Map(map)) => {
                let mut elements: Vec<_> = map.into_iter().collect();
                elements.sort_by_key(|(index, _)| index.parse::<u32>().unwrap_or(u32::MAX));
                Ok(elements)
            }
            Some(Node::Text(_)) => Err(self.invalid(None, field, "Invalid array")),
        }
    }

    fn invalid(
        &self,
        code: Option<&'static str>,
        field: &str,
        message: impl Into<String>,
    ) -> StripeError {
        StripeError::parameter(code, self.name(field), message)
    }

    fn empty(&self, field: &str) -> StripeError {
        let name = self.name(field);
        let message = format!(
            "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
        );
        StripeError::parameter(Some("parameter_invalid_empty"), name, message)
    }
}

/// What a call does to a field that can be unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Change<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

/// What a call does to an object's metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetadataChange {
    clear: bool,
    set: BTreeMap<String, String>,
}

impl MetadataChange {
    pub(crate) fn apply(self, metadata: &mut BTreeMap<String, String>) {
        if self.clear {
            metadata.clear();
        }
        metadata.extend(self.set);
        metadata.retain(|_, value| !value.is_empty());
    }

    pub(crate) fn into_map(self) -> BTreeMap<String, String> {
        let mut metadata = BTreeMap::new();
        self.apply(&mut metadata);
        metadata
    }
}

fn start_of(text: &str) -> String {
    text.chars().take(20).collect()
}

/// Puts `a[b][]=value` into the tree; `[]` takes the next free index.
fn insert(fields: &mut BTreeMap<String, Node>, name: &str, value: String) -> Read<()> {
    let malformed = || {
        StripeError::parameter(
            Some("parameter_unknown"),
            name,
            format!("Received unknown parameter: {name}"),
        )
    };
    let (head, mut rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    let mut keys = vec![head.to_owned()];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or_else(malformed)?;
        let (key, tail) = inner.split_once(']').ok_or_else(malformed)?;
        keys.push(key.to_owned());
        rest = tail;
    }
    if head.is_empty() || keys.len() > 8 {
        return Err(malformed());
    }
    let last = keys.pop().ok_or_else(malformed)?;
    let mut map = fields;
    for key in keys {
        let key = or_next_index(map, key);
        match map.entry(key).or_insert_with(|| Node::Map(BTreeMap::new())) {
            Node::Map(inner) => map = inner,
            Node::Text(_) => return Err(malformed()),
        }
    }
    let last = or_next_index(map, last);
    map.insert(last, Node::Text(value));
    Ok(())
}

fn or_next_index(map: &BTreeMap<String, Node>, key: String) -> String {
    if key.is_empty() {
        map.len().to_string()
    } else {
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(form: &str) -> Params {
        Params::parse(form.as_bytes()).unwrap()
    }

    #[test]
    fn brackets_nest_and_lists_keep_their_order() {
        let mut params = params("items[10][price]=b&items[2][price]=a&expand[]=x&expand[]=y");
        let mut items = params.objects("items").unwrap();
        let prices: Vec<_> = items
            .iter_mut()
            .map(|item| item.required_text("price").unwrap())
            .collect();
        assert_eq!(prices, ["a", "b"]);
        assert_eq!(params.texts("expand").unwrap(), ["x", "y"]);
        assert!(params.finish().is_ok());
    }

    #[test]
    fn what_nobody_asked_for_is_named_in_full() {
        let mut params = params("items[0][prize]=p");
        let item = params.objects("items").unwrap().remove(0);
        let refused = item.finish().unwrap_err();
        assert_eq!(
            refused.message,
            "Received unknown parameter: items[0][prize]"
        );
        assert_eq!(refused.code, Some("parameter_unknown"));
        assert!(refused.before_execution);
    }

    #[test]
    fn wrong_types_are_refused_by_name() {
        let mut params = params("quantity=two&active=yes&limit=101&email=&product[x]=1");
        let codes = [
            params.integer("quantity", (0, 10)).unwrap_err().code,
            params.boolean("active").unwrap_err().code,
            params.integer("limit", (1, 100)).unwrap_err().code,
            params.text("email").unwrap_err().code,
            params.text("product").unwrap_err().code,
        ];
        assert_eq!(
            codes,
            [
                Some("parameter_invalid_integer"),
                None,
                Some("parameter_invalid_integer"),
                Some("parameter_invalid_empty"),
                Some("parameter_invalid_string"),
            ]
        );
    }

    #[test]
    fn metadata_is_merged_and_an_empty_value_removes_its_key() {
        let mut metadata = BTreeMap::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
        params("metadata[a]=&metadata[c]=3")
            .metadata()
            .unwrap()
            .apply(&mut metadata);
        assert_eq!(
            metadata,
            BTreeMap::from([("b".into(), "2".into()), ("c".into(), "3".into())])
        );
        params("metadata=").metadata().unwrap().apply(&mut metadata);
        assert!(metadata.is_empty());
    }

    #[test]
    fn malformed_brackets_are_unknown_parameters() {
        for form in ["a[b=1", "[a]=1", "a]b=1&a[x]y=2", "a=1&a[b]=2"] {
            let refused = Params::parse(form.as_bytes());
            assert!(
                refused.is_err() || form.starts_with("a]b"),
                "{form}: {refused:?}"
            );
        }
    }
}
