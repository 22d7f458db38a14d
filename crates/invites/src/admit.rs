//! Who may be invited: decided for a whole list at once, each in its turn, so that a long list asks no
//! more of the store than a short one.

use std::collections::BTreeSet;

use thiserror::Error;
use tollgate_identity::Role;
use tollgate_primitives::EmailAddress;

use crate::{Full, Seats};

/// Somebody who is to be invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub email: EmailAddress,
    pub role: Role,
}

/// Whom they are invited to.
#[derive(Debug, Clone, Copy)]
pub struct Team<'a> {
    /// Of whoever invites.
    pub role: Role,
    /// Of those who are wanted, the members.
    pub members: &'a BTreeSet<EmailAddress>,
    /// Of those who are wanted, whose invitation lives.
    pub invited: &'a BTreeSet<EmailAddress>,
    pub seats: Seats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InviteRefused {
    #[error("the role is above that of whoever invites")]
    RoleAboveOwn,
    #[error("the person is a member already")]
    AlreadyMember,
    #[error("the person is invited already")]
    Pending,
    #[error(transparent)]
    Full(#[from] Full),
}

/// Answers in the order of `wanted`. Who stands there twice is invited once, and nobody owns an account
/// by invitation: ownership is handed over to a member.
#[must_use]
pub fn admit(wanted: &[Wanted], team: &Team<'_>) -> Vec<Result<(), InviteRefused>> {
    let mut admitted = BTreeSet::new();
    wanted
        .iter()
        .map(|one| {
            let more = u64::try_from(admitted.len()).unwrap_or(u64::MAX);
            judge(one, team, admitted.contains(&one.email), more)?;
            admitted.insert(&one.email);
            Ok(())
        })
        .collect()
}

fn judge(one: &Wanted, team: &Team<'_>, is_twice: bool, more: u64) -> Result<(), InviteRefused> {
    if !team.role.may_grant(one.role) || one.role == Role::Owner {
        return Err(InviteRefused::RoleAboveOwn);
    }
    if team.members.contains(&one.email) {
        return Err(InviteRefused::AlreadyMember);
    }
    if is_twice || team.invited.contains(&one.email) {
        return Err(InviteRefused::Pending);
    }
    Ok(team.seats.invite(more)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(name: &str) -> EmailAddress {
        EmailAddress::parse(&format!("{name}@example.com")).unwrap()
    }

    fn wanted(name: &str, role: Role) -> Wanted {
        Wanted {
            email: email(name),
            role,
        }
    }

    const SEATS: Seats = Seats {
        allowed: Some(5),
        bought: None,
        members: 2,
        invited: 1,
    };

    #[test]
    fn each_of_a_list_is_judged_in_its_turn_and_the_seats_go_to_the_first() {
        let members = BTreeSet::from([email("ada")]);
        let invited = BTreeSet::from([email("bob")]);
        let team = Team {
            role: Role::Admin,
            members: &members,
            invited: &invited,
            seats: SEATS,
        };
        let list = [
            wanted("ada", Role::Viewer),
            wanted("bob", Role::Viewer),
            wanted("cleo", Role::Owner),
            wanted("cleo", Role::Admin),
            wanted("cleo", Role::Viewer),
            wanted("dan", Role::Engineer),
            wanted("eve", Role::Viewer),
            wanted("ada", Role::Viewer),
        ];
        let full = Full { limit: 5, used: 5 };
        assert_eq!(
            admit(&list, &team),
            [
                Err(InviteRefused::AlreadyMember),
                Err(InviteRefused::Pending),
                Err(InviteRefused::RoleAboveOwn),
                Ok(()),
                Err(InviteRefused::Pending),
                Ok(()),
                Err(InviteRefused::Full(full)),
                Err(InviteRefused::AlreadyMember),
            ]
        );
    }

    #[test]
    fn t65_nobody_invites_above_their_own_role_and_nobody_owns_by_invitation() {
        let nobody = BTreeSet::new();
        for role in Role::ALL {
            let team = Team {
                role,
                members: &nobody,
                invited: &nobody,
                seats: SEATS,
            };
            for target in Role::ALL {
                let allowed = role >= Role::Admin && target <= Role::Admin;
                let said = admit(&[wanted("ada", target)], &team);
                assert_eq!(said[0].is_ok(), allowed, "{role} invites {target}");
            }
        }
    }
}
