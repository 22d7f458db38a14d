//! Decides where a cluster lives and which account runs it. Knows nothing of the server itself.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::ErrorKind,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{ClusterError, io_error};

/// `sun_path` holds 104 bytes on macOS and 108 on Linux; `/.s.PGSQL.5432` and a NUL take 15.
const LONGEST_SOCKET_DIRECTORY: usize = 89;

/// The directories of one cluster.
#[derive(Debug)]
pub(crate) struct Place {
    home: PathBuf,
    socket_directory: PathBuf,
    account: Account,
}

impl Place {
    /// Makes `root` the cluster's own.
    pub(crate) fn claim(root: &Path) -> Result<Self, ClusterError> {
        if let Some(parent) = root.parent() {
            fs::create_dir_all(parent).map_err(io_error("creating", parent))?;
        }
        create(root)?;
        let place = Self::locate(root)?;
        take(&place.home, &place.account)?;
        take(&place.socket_directory, &place.account)?;
        Ok(place)
    }

    /// The place that an earlier [`Place::claim`] of `root` made.
    pub(crate) fn find(root: &Path) -> Result<Option<Self>, ClusterError> {
        if !root.exists() {
            return Ok(None);
        }
        let place = Self::locate(root)?;
        Ok(place.home.exists().then_some(place))
    }

    fn locate(root: &Path) -> Result<Self, ClusterError> {
        let account = Account::for_server()?;
        let root = root.canonicalize().map_err(io_error("resolving", root))?;
        let home = if account.reaches(&root) {
            root
        } else {
            PathBuf::from(format!("/var/tmp/tollgate-postgres-{}", digest(&root)))
        };
        let socket_directory = if names_a_socket(&home) {
            home.clone()
        } else {
            PathBuf::from(format!("/tmp/tollgate-postgres-{}", digest(&home)))
        };
        Ok(Self {
            home,
            socket_directory,
            account,
        })
    }

    /// Waits for the only right to initialise, start and stop; held until the file is dropped.
    pub(crate) fn lock(&self) -> Result<File, ClusterError> {
        let home = File::open(&self.home).map_err(io_error("opening", &self.home))?;
        home.lock().map_err(io_error("locking", &self.home))?;
        Ok(home)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Where a data directory is made before it becomes [`Place::data`] in one step.
    pub(crate) fn unfinished_data(&self) -> PathBuf {
        self.home.join("data.unfinished")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    pub(crate) fn socket_directory(&self) -> &Path {
        &self.socket_directory
    }

    /// A command that runs as the server's account, and whose messages are in English.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.home)
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        if !self.account.is_ours {
            command.uid(self.account.uid).gid(self.account.gid);
        }
        command
    }
}

/// The account that runs the server: our own, unless we are root.
#[derive(Debug)]
struct Account {
    uid: u32,
    gid: u32,
    is_ours: bool,
}

impl Account {
    fn for_server() -> Result<Self, ClusterError> {
        let ours = Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            is_ours: true,
        };
        if ours.uid != 0 {
            return Ok(ours);
        }
        let path = Path::new("/etc/passwd");
        let passwd = fs::read_to_string(path).map_err(io_error("reading", path))?;
        named(&passwd, "postgres")
            .or_else(|| named(&passwd, "nobody"))
            .ok_or(ClusterError::NoAccount)
    }

    /// Whether this account may enter every directory above `path`.
    fn reaches(&self, path: &Path) -> bool {
        self.is_ours
            || path.ancestors().skip(1).all(|directory| {
                fs::metadata(directory).is_ok_and(|found| {
                    let may_enter = if found.uid() == self.uid {
                        0o100
                    } else if found.gid() == self.gid {
                        0o010
                    } else {
                        0o001
                    };
                    found.mode() & may_enter != 0
                })
            })
    }
}

/// Reads `name:password:uid:gid:…`, see passwd(5).
fn named(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some(Account {
            uid: fields.nth(1)?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
            is_ours: false,
        })
    })
}

/// Whether a socket in `directory` fits its address, and the path needs no quoting in
/// `postgresql.conf`.
fn names_a_socket(directory: &Path) -> bool {
    let bytes = directory.as_os_str().as_encoded_bytes();
    bytes.len() <= LONGEST_SOCKET_DIRECTORY
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
}

/// FNV-1a: the same name for the same path in every build, with no claim to secrecy.
fn digest(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

fn create(directory: &Path) -> Result<(), ClusterError> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(io_error("creating", directory)(error))
        }
        _ => Ok(()),
    }
}

/// Gives an empty directory of ours to the account; a directory of the account's is as it should
/// be. Any other is left alone: its name is no secret, and somebody else may have made it first.
fn take(directory: &Path, account: &Account) -> Result<(), ClusterError> {
    create(directory)?;
    // Looked at before the owner: a directory that another process fills meanwhile has already
    // changed hands by then.
    let is_empty = fs::read_dir(directory)
        .map_err(io_error("reading", directory))?
        .next()
        .is_none();
    let found = fs::symlink_metadata(directory).map_err(io_error("examining", directory))?;
    let owner = found.uid();
    let is_ours = owner == rustix::process::geteuid().as_raw();
    if !found.is_dir() || !(owner == account.uid || (is_ours && is_empty)) {
        return Err(ClusterError::NotOurs {
            directory: directory.to_owned(),
        });
    }
    if is_ours && is_empty {
        fs::set_permissions(directory, Permissions::from_mode(0o700))
            .map_err(io_error("closing to others", directory))?;
        chown(directory, Some(account.uid), Some(account.gid))
            .map_err(io_error("changing the owner of", directory))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:8::/:\npostgres:x:105:111:P:/:\n";
        let account = named(passwd, "postgres").unwrap();
        assert_eq!((account.uid, account.gid), (105, 111));
        assert!(named(passwd, "nobody").is_none());
    }

    #[test]
    fn an_account_cannot_pass_a_directory_closed_to_it() {
        let root = tempfile::tempdir().unwrap();
        let closed = root.path().join("closed");
        create(&closed).unwrap();
        let us = fs::metadata(&closed).unwrap();
        let stranger = Account {
            uid: us.uid() + 1,
            gid: us.gid() + 1,
            is_ours: false,
        };
        assert!(!stranger.reaches(&closed.join("pg")));
        fs::set_permissions(root.path(), Permissions::from_mode(0o711)).unwrap();
        assert!(stranger.reaches(&closed));
    }

    #[test]
    fn a_path_too_long_or_too_odd_for_a_socket_gets_one_elsewhere() {
        assert!(names_a_socket(Path::new(
            "/home/ada/tollgate/.tollgate/postgres"
        )));
        assert!(!names_a_socket(Path::new("/home/ada/it's, here")));
        assert!(!names_a_socket(Path::new(&format!("/{}", "x".repeat(89)))));
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("thesis.txt"), "years of work").unwrap();
        let found = fs::metadata(root.path()).unwrap();
        let stranger = Account {
            uid: found.uid() + 1,
            gid: found.gid() + 1,
            is_ours: false,
        };
        let refusal = take(root.path(), &stranger).unwrap_err();
        assert!(matches!(refusal, ClusterError::NotOurs { .. }));
        assert_eq!(fs::metadata(root.path()).unwrap().uid(), found.uid());
    }
}
