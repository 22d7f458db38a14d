//! One file for each table that plain inserts and look-ups touch: the entity, and how it becomes a
//! domain type (`from_row`) or comes from one (`to_row`).

pub(crate) mod account;
pub(crate) mod membership;
pub(crate) mod plan_billing;
pub(crate) mod purchase_reservation;
pub(crate) mod refresh_token;
pub(crate) mod subscription_change;
pub(crate) mod user;
pub(crate) mod webhook_event;
