//! Who belongs to an account, and who is invited, page by page.

use thiserror::Error;

use crate::{
    App,
    ports::{AccountInvite, Caller, Member, Page, StoreError},
};

/// What a cursor of the members is good for.
const MEMBERS: &str = "member";
/// What a cursor of the invitations is good for.
const INVITES: &str = "account-invite";

/// One page, and the cursor of the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cursor is none of this list")]
pub struct CursorInvalid;

#[derive(Debug, Error)]
pub enum TeamError {
    #[error(transparent)]
    Cursor(#[from] CursorInvalid),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// By id, so about as they signed up.
pub async fn list_members(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
) -> Result<Listed<Member>, TeamError> {
    let after = after(app, MEMBERS, caller, cursor)?;
    let page = app.teams.members(caller.account, after).await?;
    Ok(listed(app, MEMBERS, caller, page, |member| {
        member.user.to_string()
    }))
}

/// All there were, expired and revoked ones too, the newest first.
pub async fn list_invites(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
) -> Result<Listed<AccountInvite>, TeamError> {
    let after = after(app, INVITES, caller, cursor)?;
    let page = app.teams.invites(caller.account, after).await?;
    Ok(listed(app, INVITES, caller, page, |invite| {
        invite.id.to_string()
    }))
}

fn after<T: std::str::FromStr>(
    app: &App,
    of: &str,
    caller: &Caller,
    cursor: Option<&str>,
) -> Result<Option<T>, CursorInvalid> {
    cursor
        .map(|cursor| {
            let last = app.key.read_cursor(of, caller.account, cursor);
            last.and_then(|last| last.parse().ok()).ok_or(CursorInvalid)
        })
        .transpose()
}

fn listed<T>(
    app: &App,
    of: &str,
    caller: &Caller,
    page: Page<T>,
    id: impl Fn(&T) -> String,
) -> Listed<T> {
    let last = page.items.last().filter(|_| page.has_more);
    Listed {
        next_cursor: last.map(|last| app.key.cursor(of, caller.account, &id(last))),
        items: page.items,
    }
}
