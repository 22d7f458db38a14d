//! What a server that does nothing holds in memory.

use std::{thread, time::Duration};

use crate::{database::Postgres, server::Server};

/// Pools and workers have opened what they open by themselves.
const UNTIL_IDLE: Duration = Duration::from_secs(3);

/// Resident KiB of `tollgate serve` before its first request; `None` where that program was not built
/// beside this one, or the system does not tell.
pub(crate) fn of_idle_server(postgres: &Postgres) -> anyhow::Result<Option<u64>> {
    let Some(server) = Server::start(postgres, &[])? else {
        return Ok(None);
    };
    thread::sleep(UNTIL_IDLE);
    Ok(server.resident())
}
