use serde::Deserialize;

/// One page of a list, newest first. <https://docs.stripe.com/api/pagination>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: bool,
}
