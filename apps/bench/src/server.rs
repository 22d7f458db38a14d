//! `tollgate serve` as a process of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context;

use crate::{database::Postgres, subject::settings};

/// Gone when dropped.
pub(crate) struct Server {
    child: Child,
    /// Of its API.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// With some keys set otherwise than usual; returns when it has started. `None` where the program was
    /// not built beside this one.
    pub(crate) fn start(
        postgres: &Postgres,
        changes: &[(&str, String)],
    ) -> anyhow::Result<Option<Self>> {
        let program = env::current_exe()?.with_file_name("tollgate");
        if !program.is_file() {
            return Ok(None);
        }
        let mut child = Command::new(program)
            .arg("serve")
            .env_clear()
            .envs(settings(postgres.url()))
            .envs(changes.iter().cloned())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting `tollgate serve`")?;
        let log = child.stderr.take().context("its log is a pipe")?;
        let mut lines = BufReader::new(log).lines();
        let started = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).ok()?;
            let address = line
                .get("api")?
                .as_str()?
                .trim_start_matches("http://")
                .parse();
            address.ok()
        });
        // Read to its end, so that it is not held up.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Some(Self {
            child,
            address: started.context("`tollgate serve` ended instead of starting")?,
        }))
    }

    /// Resident KiB; `None` where the system does not tell.
    pub(crate) fn resident(&self) -> Option<u64> {
        resident(self.child.id())
    }

    /// What it has spent on all cores; `None` where the system does not tell. See `proc_pid_stat(5)`.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
        let hundredths = times.next()?.ok()? + times.next()?.ok()?;
        Some(Duration::from_millis(10 * hundredths))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to finish.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident KiB of a process; `None` where it is gone, or the system does not tell.
pub(crate) fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
