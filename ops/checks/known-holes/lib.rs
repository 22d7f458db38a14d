//! Names the refused crates, so that they count as used.

use actix_http as _;
use jsonwebtoken as _;
