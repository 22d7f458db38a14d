//! Makes, starts and stops the server of one [`Place`]. The caller holds its lock.

use std::{
    fs,
    io::{self, ErrorKind, Write as _},
    os::unix::process::CommandExt as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::{
    ClusterError, Durability, Shutdown, binaries::Binaries, io_error, place::Place, probe,
};

/// A crash recovery or a last checkpoint may take this long on a slow disk.
const PATIENCE: Duration = Duration::from_mins(1);

/// Orphans of a killed server notice its death well within this.
const ORPHANS_LEAVE_WITHIN: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(20);

/// The file that `postgresql.conf` includes, written anew before every start by `ensure`.
const SETTINGS_FILE: &str = "tollgate.conf";

impl Durability {
    fn settings(self) -> &'static str {
        match self {
            Self::Durable => "max_connections = 100\nshared_buffers = 128MB\n",
            Self::Disposable => {
                "max_connections = 300\n\
                 shared_buffers = 256MB\n\
                 fsync = off\n\
                 synchronous_commit = off\n\
                 full_page_writes = off\n\
                 autovacuum = off\n\
                 wal_level = minimal\n\
                 max_wal_senders = 0\n\
                 checkpoint_flush_after = 0\n\
                 backend_flush_after = 0\n\
                 bgwriter_flush_after = 0\n\
                 max_wal_size = 4GB\n\
                 checkpoint_timeout = 30min\n"
            }
        }
    }
}

impl Shutdown {
    /// <https://www.postgresql.org/docs/current/server-shutdown.html>
    fn signal(self) -> Signal {
        match self {
            Self::Fast => Signal::INT,
            Self::Immediate => Signal::QUIT,
        }
    }
}

/// Waits until the server either takes connections (true) or is gone (false).
pub(crate) fn settle(place: &Place) -> Result<bool, ClusterError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if probe::answers_in(place.socket_directory()) {
            return Ok(true);
        }
        if postmaster(place).is_none() {
            return Ok(false);
        }
        wait_until(deadline, place)?;
    }
}

/// The major version that made the data directory, `None` when there is none yet.
pub(crate) fn major_of_data(place: &Place) -> Result<Option<u32>, ClusterError> {
    let data = place.data();
    match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(version) => match version.trim().parse() {
            Ok(major) => Ok(Some(major)),
            Err(_) => Err(ClusterError::NotACluster { data }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let is_empty = fs::read_dir(&data).map_or(true, |mut entries| entries.next().is_none());
            if is_empty {
                Ok(None)
            } else {
                Err(ClusterError::NotACluster { data })
            }
        }
        Err(error) => Err(io_error("reading PG_VERSION in", &data)(error)),
    }
}

/// Makes the data directory in another place and moves it here whole, so that a killed `initdb`
/// leaves nothing that looks like a cluster.
pub(crate) fn initialise(
    place: &Place,
    binaries: &Binaries,
    durability: Durability,
) -> Result<(), ClusterError> {
    let data = place.data();
    let unfinished = place.unfinished_data();
    remove_leftovers(fs::remove_dir_all(&unfinished)).map_err(io_error("deleting", &unfinished))?;

    let initdb = binaries.program("initdb");
    let mut command = place.command(&initdb);
    command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
    command.args(["--no-locale", "--no-instructions", "--pgdata"]);
    command.arg(&unfinished);
    if durability == Durability::Disposable {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(io_error("running", &initdb))?;
    if !output.status.success() {
        return Err(ClusterError::Initdb {
            said: one_line(&String::from_utf8_lossy(&output.stderr)),
        });
    }

    let main = unfinished.join("postgresql.conf");
    fs::OpenOptions::new()
        .append(true)
        .open(&main)
        .and_then(|mut file| writeln!(file, "include_if_exists = '{SETTINGS_FILE}'"))
        .map_err(io_error("writing", &main))?;
    fs::rename(&unfinished, &data).map_err(io_error("renaming", &unfinished))
}

/// Writes the settings that the next start reads.
pub(crate) fn configure(place: &Place, durability: Durability) -> Result<(), ClusterError> {
    let path = place.data().join(SETTINGS_FILE);
    let settings = format!(
        "listen_addresses = ''\n\
         port = {port}\n\
         unix_socket_directories = '{socket_directory}'\n\
         unix_socket_permissions = 0700\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         {durability}",
        port = probe::PORT,
        socket_directory = place.socket_directory().display(),
        durability = durability.settings(),
    );
    fs::write(&path, settings).map_err(io_error("writing", &path))
}

/// Starts the server and waits until it takes connections. It is a child of nobody here: `pg_ctl`
/// gives it a session of its own and its log for output, so neither Ctrl-C nor a test harness
/// waiting for pipes to close has to do with it.
pub(crate) fn start(place: &Place, binaries: &Binaries) -> Result<(), ClusterError> {
    let log = place.log();
    let pg_ctl = binaries.program("pg_ctl");
    let deadline = Instant::now() + ORPHANS_LEAVE_WITHIN;
    loop {
        remove_stale_pid_files(place)?;
        remove_leftovers(fs::remove_file(&log)).map_err(io_error("deleting", &log))?;
        let status = place
            .command(&pg_ctl)
            .args(["start", "--wait", "--silent", "--timeout=60", "--pgdata"])
            .arg(place.data())
            .arg("--log")
            .arg(&log)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .status()
            .map_err(io_error("running", &pg_ctl))?;
        if status.success() {
            return Ok(());
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        // Backends of a killed server still hold its memory.
        let is_passing = said.contains("pre-existing shared memory block");
        if !is_passing || Instant::now() >= deadline {
            let said = one_line(&said);
            return Err(ClusterError::Start { log, said });
        }
        thread::sleep(POLL);
    }
}

/// Brings the server down and waits until it is gone. Fine when none runs.
pub(crate) fn stop(place: &Place, shutdown: Shutdown) -> Result<(), ClusterError> {
    let Some(pid) = postmaster(place) else {
        return Ok(());
    };
    let data = place.data();
    match kill_process(pid, shutdown.signal()) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => return Err(io_error("stopping the server in", &data)(error.into())),
    }
    let deadline = Instant::now() + PATIENCE;
    while postmaster(place).is_some() {
        wait_until(deadline, place)?;
    }
    Ok(())
}

fn wait_until(deadline: Instant, place: &Place) -> Result<(), ClusterError> {
    if Instant::now() >= deadline {
        return Err(ClusterError::Unresponsive { data: place.data() });
    }
    thread::sleep(POLL);
    Ok(())
}

/// The server's process, if it lives. Its pid file outlives a `kill -9`, and the number may since
/// have gone to another process, or be that of a zombie which nobody collects.
fn postmaster(place: &Place) -> Option<Pid> {
    let pid = recorded_pid(place)?;
    let lives = if cfg!(target_os = "linux") {
        let data = place.data();
        fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).is_ok_and(|arguments| {
            arguments
                .split(|byte| *byte == 0)
                .any(|argument| argument == data.as_os_str().as_encoded_bytes())
        })
    } else {
        test_kill_process(pid).is_ok()
    };
    lives.then_some(pid)
}

fn recorded_pid(place: &Place) -> Option<Pid> {
    let file = fs::read_to_string(place.data().join("postmaster.pid")).ok()?;
    Pid::from_raw(file.lines().next()?.trim().parse().ok()?)
}

/// The server respects a pid file as long as that number is in use, whoever uses it. Nothing is
/// lost with the files: the server still finds memory that orphans hold.
fn remove_stale_pid_files(place: &Place) -> Result<(), ClusterError> {
    if postmaster(place).is_some() {
        return Ok(());
    }
    let of_data = place.data().join("postmaster.pid");
    let of_socket = place
        .socket_directory()
        .join(format!(".s.PGSQL.{}.lock", probe::PORT));
    for path in [of_data, of_socket] {
        remove_leftovers(fs::remove_file(&path)).map_err(io_error("deleting", &path))?;
    }
    Ok(())
}

fn remove_leftovers(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The last three lines of a program's output, as one.
fn one_line(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.rchunks(3).next().unwrap_or_default().join(" / ")
}
