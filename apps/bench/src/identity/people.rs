//! Who is tried: people of the thousand, each of a kind, with one password.

use anyhow::Context;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::{database::Postgres, load::Connection, server::Server, subject::post};

pub(super) const PASSWORD: &str = "violet-otter-47-lamp";

/// What somebody is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Member,
    Unknown,
    Suspended,
    Passwordless,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [
        Self::Member,
        Self::Unknown,
        Self::Suspended,
        Self::Passwordless,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Member => "a member",
            Self::Unknown => "an unknown",
            Self::Suspended => "a suspended",
            Self::Passwordless => "a password-less",
        }
    }

    /// The address of the `nth` of its kind; addresses of all kinds are of one length.
    pub(super) fn email(self, nth: usize) -> String {
        let number = match self {
            Self::Member | Self::Unknown => 100 + nth % 300,
            Self::Suspended => 400 + nth % 300,
            Self::Passwordless => 700 + nth % 300,
        };
        let name = match self {
            Self::Unknown => "never",
            Self::Member | Self::Suspended | Self::Passwordless => "owner",
        };
        format!("{name}{number}@example.com")
    }
}

/// Gives the people the password of somebody who signs up, so that its hash is made as the server's are.
pub(super) async fn prepare(postgres: &Postgres, server: &Server) -> anyhow::Result<()> {
    const COPY: &str = "
        UPDATE users u SET password_hash = s.password_hash
        FROM users s WHERE s.email = 'seed@example.com' AND substr(u.email, 6, 3) < '700';
        UPDATE accounts SET suspended_at = now() WHERE name ~ '^Account [456]..$';
        VACUUM ANALYZE";
    let body = json!({ "email": "seed@example.com", "password": PASSWORD, "name": "Seed" });
    let register = post("/api/v1/auth/register", "", &body.to_string());
    Connection::open(server.address)?.exchange(&register)?;
    let mut database = PgConnection::connect(&postgres.url()).await?;
    for statement in COPY.split(';') {
        sqlx::raw_sql(statement).execute(&mut database).await?;
    }
    Ok(())
}

pub(super) fn sign_in(email: &str, password: &str) -> Vec<u8> {
    let body = json!({ "email": email, "password": password });
    post("/api/v1/auth/login/json", "", &body.to_string())
}

pub(super) fn forgot(email: &str) -> Vec<u8> {
    let body = json!({ "email": email });
    post("/api/v1/auth/password/forgot", "", &body.to_string())
}

/// A token out of an answer.
pub(super) fn token<'a>(answer: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    let token = answer.get(key).and_then(Value::as_str);
    token.with_context(|| format!("an answer without {key}"))
}
