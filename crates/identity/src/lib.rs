//! Rules about people: who may sign up, passwords, names, roles, sessions, the days to verify an address,
//! and whom a sign-in provider's word lets in.
//!
//! Decides who is let in, whether a text may be a password or a name, what a refresh token may still do,
//! and who may grant which role. Hashes nothing, signs nothing, stores nothing. Pure: `now` is an argument.

pub mod admission;
pub mod attestation;
pub mod lead;
pub mod limit;
mod name;
mod one_time;
mod own_path;
pub mod password;
pub mod provider;
pub mod provider_sign_in;
mod role;
pub mod session;
mod throwaway;
mod time_zone;
pub mod verification;

pub use admission::{
    Admission, AdmissionRefused, CodeEnd, CodeStatus, InviteCode, Terms, Testers, Ticket,
};
pub use name::{CompanyName, NameInvalid, OneLine, PersonName};
pub use one_time::Purpose;
pub use own_path::{NotOwnPath, OwnPath};
pub use password::{NewPassword, Password, PasswordWeakness};
pub use role::{Role, RoleInvalid};
pub use throwaway::{ThrowawayDomains, ThrowawayDomainsInvalid};
pub use time_zone::{TimeZone, TimeZoneInvalid};
