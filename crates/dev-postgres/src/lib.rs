//! A private `PostgreSQL` cluster for development and tests, made from the server binaries that the
//! machine already has, or run in a container. It downloads no binaries, opens no TCP port of its
//! own, and never stops a server on its own account: the next process finds it running.
//!
//! Everything here blocks; from async code, call it before the runtime starts or on a blocking
//! thread.

mod binaries;
mod docker;
mod place;
mod probe;
mod server;
#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

pub use docker::ensure_in_docker;

use crate::{binaries::Binaries, place::Place};

/// What the cluster promises about committed data when something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// `PostgreSQL`'s own promises, for data that somebody wants to keep.
    Durable,
    /// Fast, for databases that tests make and throw away. A crash of the server, or
    /// [`Shutdown::Immediate`], may lose the last commits; a power cut, everything.
    Disposable,
}

/// How a running server is brought down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Open transactions are rolled back, connections closed, a checkpoint written.
    Fast,
    /// As a crash would: no checkpoint, the next start recovers from the log.
    Immediate,
}

/// A server that accepts connections. Dropping it leaves the server running.
#[derive(Debug, Clone)]
pub struct Cluster {
    socket_directory: PathBuf,
}

impl Cluster {
    /// Makes a cluster under `root` if there is none, and starts it if it does not run.
    ///
    /// `root` belongs to the cluster alone. Any number of processes may call this at once: one of
    /// them does the work, the others wait for it. Run as root, the server runs as `postgres` or
    /// `nobody`; when that account cannot reach `root`, the cluster lives in a directory below
    /// `/var/tmp` instead. `durability` takes effect whenever the server starts, so it does not
    /// change one that already runs.
    ///
    /// The binaries are those in `PG_BIN_DIR` if that is set, else the newest installed.
    pub fn ensure(root: &Path, durability: Durability) -> Result<Self, ClusterError> {
        let place = Place::claim(root)?;
        let _turn = place.lock()?;
        if !server::settle(&place)? {
            let made_by = server::major_of_data(&place)?;
            let binaries = Binaries::find(made_by, &place.data())?;
            if made_by.is_none() {
                server::initialise(&place, &binaries, durability)?;
            }
            server::configure(&place, durability)?;
            server::start(&place, &binaries)?;
        }
        Ok(Self {
            socket_directory: place.socket_directory().to_owned(),
        })
    }

    /// Where a client of this cluster finds `database`, as the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost:{}/{}?host={}",
            probe::PORT,
            percent_encoded(database.as_bytes()),
            percent_encoded(self.socket_directory.as_os_str().as_encoded_bytes()),
        )
    }

    /// Stops the server under `root` as [`Shutdown::Fast`] does. Fine when none runs.
    pub fn stop(root: &Path) -> Result<(), ClusterError> {
        let Some(place) = Place::find(root)? else {
            return Ok(());
        };
        let _turn = place.lock()?;
        server::stop(&place, Shutdown::Fast)
    }

    /// Stops the server under `root` in the given way and starts it again with the settings it
    /// had. The address stays the same; every connection is lost.
    pub fn restart(root: &Path, shutdown: Shutdown) -> Result<(), ClusterError> {
        let place = Place::claim(root)?;
        let _turn = place.lock()?;
        let data = place.data();
        let Some(made_by) = server::major_of_data(&place)? else {
            return Err(ClusterError::NoCluster { data });
        };
        let binaries = Binaries::find(Some(made_by), &data)?;
        server::stop(&place, shutdown)?;
        server::start(&place, &binaries)
    }
}

/// Everything outside the unreserved set of RFC 3986 section 2.3, `/` included, as `%XX`.
fn percent_encoded(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Why there is no server to connect to, and where it helps, what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    #[error(
        "no PostgreSQL server binaries found: set DATABASE_URL, or install them \
         (`apt install postgresql`, `brew install postgresql@17`), or name their directory in PG_BIN_DIR"
    )]
    NoBinaries,

    #[error("PG_BIN_DIR is `{}`, which does not hold initdb, pg_ctl and postgres", .directory.display())]
    NotABinDir { directory: PathBuf },

    #[error(
        "the cluster in `{}` was made by PostgreSQL {made_by}, and the newest found here is {found}: \
         install PostgreSQL {made_by}, or delete that directory to begin anew",
        .data.display()
    )]
    OtherMajor {
        data: PathBuf,
        made_by: u32,
        found: u32,
    },

    #[error("`{}` has files in it but is no PostgreSQL cluster: move it away or delete it", .data.display())]
    NotACluster { data: PathBuf },

    #[error("there is no cluster in `{}` yet", .data.display())]
    NoCluster { data: PathBuf },

    #[error(
        "`{}` belongs to somebody else or holds something else: give the cluster a directory of its own",
        .directory.display()
    )]
    NotOurs { directory: PathBuf },

    #[error(
        "PostgreSQL refuses to run as root, and /etc/passwd names neither `postgres` nor `nobody`: \
         run as an ordinary user, or set DATABASE_URL"
    )]
    NoAccount,

    #[error("{step} `{}`", .path.display())]
    Io {
        step: &'static str,
        path: PathBuf,
        source: io::Error,
    },

    #[error("initdb failed: {said}")]
    Initdb { said: String },

    #[error("PostgreSQL did not start, its log `{}` ends: {said}", .log.display())]
    Start { log: PathBuf, said: String },

    #[error("the server in `{}` runs, but does not answer or stop", .data.display())]
    Unresponsive { data: PathBuf },

    #[error(
        "there is no `docker` command: set DATABASE_URL, install Docker, or install PostgreSQL \
         (`apt install postgresql`, `brew install postgresql@17`)"
    )]
    NoDocker { source: io::Error },

    #[error("{step} failed: {said}")]
    Docker { step: String, said: String },
}

/// Names the step and the path of an I/O error that ends an operation.
fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClusterError {
    move |source| ClusterError::Io {
        step,
        path: path.to_owned(),
        source,
    }
}
