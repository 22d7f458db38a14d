//! /auth/{provider}/authorize, /auth/{provider}/callback and /auth/identities

mod attacks;
mod authorize;
mod callback;
mod identities;
mod invitations;
mod linking;
mod passwords;

use serde_json::Value;

use crate::world::{Answer, World};

/// Who a sign-in let in, as `/auth/me` tells.
async fn whoami(world: &World, answer: &Answer) -> Value {
    let tokens = answer.ok(200);
    let access = tokens["access_token"].as_str().unwrap();
    world.get("/auth/me").bearer(access).send().await.ok(200)
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.refusal(), (status, code.to_owned()), "{answer}");
}
