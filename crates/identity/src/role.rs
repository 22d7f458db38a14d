//! The four roles in an account and who may grant which. Whether an owner remains is the store's guard.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a member may do in an account, each role more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Engineer,
    Admin,
    Owner,
}

/// The text is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a role is viewer, engineer, admin or owner")]
pub struct RoleInvalid;

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Engineer, Self::Admin, Self::Owner];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Engineer => "engineer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    pub fn parse(text: &str) -> Result<Self, RoleInvalid> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(RoleInvalid)
    }

    #[must_use]
    pub fn is_admin_or_above(self) -> bool {
        self >= Self::Admin
    }

    /// Admins and owners grant roles, and nobody one above their own.
    #[must_use]
    pub fn may_grant(self, target: Self) -> bool {
        self.is_admin_or_above() && target <= self
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reads_back_from_its_own_text_and_nothing_else_is_one() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Ok(role));
        }
        for bad in ["", "Owner", "owner ", "super", "member"] {
            assert_eq!(Role::parse(bad), Err(RoleInvalid), "{bad}");
        }
    }

    #[test]
    fn nobody_grants_above_their_own_role_and_only_admins_and_owners_grant() {
        use Role::{Admin, Engineer, Owner, Viewer};
        let allowed = [
            (Viewer, &[][..]),
            (Engineer, &[]),
            (Admin, &[Viewer, Engineer, Admin]),
            (Owner, &[Viewer, Engineer, Admin, Owner]),
        ];
        for (role, targets) in allowed {
            for target in Role::ALL {
                assert_eq!(
                    role.may_grant(target),
                    targets.contains(&target),
                    "{role} grants {target}"
                );
            }
            assert_eq!(role.is_admin_or_above(), !targets.is_empty(), "{role}");
        }
    }
}
