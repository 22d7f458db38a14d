//! What a server that does nothing holds in memory.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context;

use crate::{database::Postgres, subject::settings};

/// Pools and workers have opened what they open by themselves.
const UNTIL_IDLE: Duration = Duration::from_secs(3);

/// Resident KiB of `tollgate serve` before its first request; `None` where that program was not built
/// beside this one, or the system does not tell.
pub(crate) fn of_idle_server(postgres: &Postgres) -> anyhow::Result<Option<u64>> {
    let program = env::current_exe()?.with_file_name("tollgate");
    if !program.is_file() {
        return Ok(None);
    }
    let mut server = Server(
        Command::new(program)
            .arg("serve")
            .env_clear()
            .envs(settings(postgres.url()))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting `tollgate serve`")?,
    );
    let log = server.0.stderr.take().context("its log is a pipe")?;
    let mut lines = BufReader::new(log).lines();
    lines
        .find(|line| {
            line.as_ref()
                .map_or(true, |line| line.contains("\"started\""))
        })
        .context("`tollgate serve` ended instead of starting")??;
    thread::sleep(UNTIL_IDLE);
    Ok(resident(server.0.id()))
}

fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Gone when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to finish.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
