//! The rules of billing, held against tables written by hand and against every history in reach.

#![cfg(test)]

mod given;
mod lives;
mod purchases;
mod small_scope;
mod standings;
mod table;
