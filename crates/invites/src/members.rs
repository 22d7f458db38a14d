//! Who may change what a member is.

use thiserror::Error;
use tollgate_identity::Role;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MemberRefused {
    #[error("members are looked after by admins and owners")]
    AdminsOnly,
    #[error("it needs a role above that of whoever asks")]
    RoleAboveOwn,
    #[error("only an owner hands an account over")]
    OwnersOnly,
}

/// Whether somebody of the role `own` may turn a member of the role `from` into one of the role `to`.
pub fn may_change(own: Role, from: Role, to: Role) -> Result<(), MemberRefused> {
    if !own.is_admin_or_above() {
        return Err(MemberRefused::AdminsOnly);
    }
    if !own.may_grant(from) || !own.may_grant(to) {
        return Err(MemberRefused::RoleAboveOwn);
    }
    Ok(())
}

/// Whether somebody of the role `own` may put a member of the role `target` out. Everybody may leave.
pub fn may_remove(own: Role, target: Role, is_oneself: bool) -> Result<(), MemberRefused> {
    if is_oneself {
        return Ok(());
    }
    may_change(own, target, Role::Viewer)
}

/// Whether somebody of the role `own` may hand the account over.
pub fn may_transfer(own: Role) -> Result<(), MemberRefused> {
    match own {
        Role::Owner => Ok(()),
        Role::Admin | Role::Engineer | Role::Viewer => Err(MemberRefused::OwnersOnly),
    }
}

#[cfg(test)]
mod tests {
    use tollgate_identity::Role::{Admin, Engineer, Owner, Viewer};

    use super::*;

    /// Every role against every change of every member.
    #[test]
    fn t65_nobody_is_raised_or_lowered_by_whoever_stands_below() {
        for own in Role::ALL {
            for from in Role::ALL {
                for to in Role::ALL {
                    let expected = match own {
                        Viewer | Engineer => Err(MemberRefused::AdminsOnly),
                        Admin if from == Owner || to == Owner => Err(MemberRefused::RoleAboveOwn),
                        Admin | Owner => Ok(()),
                    };
                    assert_eq!(may_change(own, from, to), expected, "{own}: {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn t65_everybody_may_leave_and_nobody_puts_out_whoever_stands_above() {
        for own in Role::ALL {
            assert_eq!(may_remove(own, own, true), Ok(()), "{own} leaves");
            for target in Role::ALL {
                let expected = match (own, target) {
                    (Viewer | Engineer, _) => Err(MemberRefused::AdminsOnly),
                    (Admin, Owner) => Err(MemberRefused::RoleAboveOwn),
                    (Admin | Owner, _) => Ok(()),
                };
                assert_eq!(may_remove(own, target, false), expected, "{own}: {target}");
            }
        }
    }

    #[test]
    fn t65_an_account_is_handed_over_by_an_owner_alone() {
        let may = Role::ALL.map(|own| (own, may_transfer(own).is_ok()));
        assert_eq!(
            may,
            [
                (Viewer, false),
                (Engineer, false),
                (Admin, false),
                (Owner, true)
            ]
        );
    }
}
