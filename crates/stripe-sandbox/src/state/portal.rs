//! Customer portal sessions.

use serde::{Deserialize, Serialize};

use super::table::rows;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Portal {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) customer: String,
    pub(crate) return_url: Option<String>,
}

rows!(Portal);
