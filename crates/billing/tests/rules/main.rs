//! The rules of billing, held against tables written by hand and against every history in reach.

#![cfg(test)]

mod canon;
mod changes;
mod drifts;
mod given;
mod lives;
mod notices;
mod properties;
mod purchases;
mod shapes;
mod shifted;
mod small_scope;
mod standings;
mod steps;
mod table;
mod words;
