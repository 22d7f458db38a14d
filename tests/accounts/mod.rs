//! /accounts

mod invitations;
mod invites;
mod me;
mod members;
mod own_account;
mod ownership;
mod roles;
mod seats;
