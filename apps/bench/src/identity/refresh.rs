//! How many sessions go on in a second: each connection rotates a token of its own.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::people::{Kind, PASSWORD, sign_in, token};
use crate::{
    load::{Connection, Measured, measured},
    server::Server,
    subject::post,
};

const CONNECTIONS: usize = 16;

pub(super) fn measure(server: &Server, seconds: u64) -> anyhow::Result<Measured> {
    let mut signed_in = Vec::new();
    for nth in 0..CONNECTIONS {
        let mut connection = Connection::open(server.address)?;
        let tokens = connection.ask(&sign_in(&Kind::Member.email(nth), PASSWORD))?;
        signed_in.push(token(&tokens, "refresh_token")?.to_owned());
    }
    let length = Duration::from_secs(seconds);
    // A connection that waited for the others to sign in would be closed by now.
    let run = |mut current: String| {
        let mut connection = Connection::open(server.address)?;
        let started = Instant::now();
        let mut latencies = Vec::new();
        while started.elapsed() < length {
            let bearer = format!("authorization: Bearer {current}\r\n");
            let sent = Instant::now();
            let tokens = connection.ask(&post("/api/v1/auth/refresh", &bearer, ""))?;
            latencies.push(sent.elapsed());
            token(&tokens, "refresh_token")?.clone_into(&mut current);
        }
        anyhow::Ok((started.elapsed(), latencies))
    };
    let runs = thread::scope(|scope| {
        let threads: Vec<_> = signed_in
            .into_iter()
            .map(|own| scope.spawn(|| run(own)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| bail!("a thread panicked"))
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    })?;
    measured(runs).context("nothing was refreshed")
}
