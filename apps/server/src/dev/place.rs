//! The directory that development mode keeps its things in, and whose turn it is to use it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::operator::Operator;

const ANNOUNCEMENT: &str = "dev.json";

/// What scripts need to know, as `dev.json` says it. `None` is what the environment brought.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Running {
    pub(super) api: String,
    pub(super) ops: String,
    pub(super) docs: String,
    pub(super) mailbox: Option<String>,
    pub(super) stripe_sandbox: Option<String>,
    pub(super) webhook_secret: String,
    pub(super) database_url: String,
    pub(super) operator: Operator,
}

/// The directory, ours alone until this is dropped or the process dies.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    _lock: File,
}

impl Place {
    pub(super) fn claim(directory: &Path) -> anyhow::Result<Self> {
        let name = directory.display();
        fs::create_dir_all(directory).with_context(|| format!("making {name}"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("lock"))
            .with_context(|| format!("opening {name}/lock"))?;
        let place = Self {
            directory: directory.to_owned(),
            _lock: match lock.try_lock() {
                Ok(()) => lock,
                Err(TryLockError::WouldBlock) => bail!(in_use(directory)),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {name}/lock"));
                }
            },
        };
        place.withdraw();
        Ok(place)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A directory in it that nobody else may look into; the whole cannot be such a one, because
    /// `PostgreSQL` may have to run as somebody else.
    pub(super) fn closed_directory(&self) -> anyhow::Result<PathBuf> {
        let closed = self.directory.join("stand-ins");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&closed)
            .with_context(|| format!("making {}", closed.display()))?;
        Ok(closed)
    }

    /// Says where everything is, as one file that is either whole or not there.
    pub(super) fn announce(&self, running: &Running) -> anyhow::Result<()> {
        self.keep(ANNOUNCEMENT, running)
    }

    /// Nothing runs here any more.
    pub(super) fn withdraw(&self) {
        // Missing is what was wanted, and whatever else is wrong shows at the next announcement.
        let _ = fs::remove_file(self.directory.join(ANNOUNCEMENT));
    }

    /// Writes a file that nobody else may read, and never half of it.
    pub(super) fn keep<T: Serialize>(&self, name: &str, content: &T) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(content)? + "\n";
        let (unfinished, path) = (
            self.directory.join(format!("{name}.new")),
            self.directory.join(name),
        );
        let write = || {
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().with_context(|| format!("writing {}", path.display()))
    }

    /// `None` when it was never written.
    pub(super) fn kept<T: for<'a> Deserialize<'a>>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let path = self.directory.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map(Some).with_context(|| {
                format!("{} cannot be read: delete it to begin anew", path.display())
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }
}

/// One sentence on who has the directory.
fn in_use(directory: &Path) -> String {
    let announced = fs::read_to_string(directory.join(ANNOUNCEMENT)).ok();
    let running: Option<Running> = announced.and_then(|text| serde_json::from_str(&text).ok());
    let addresses = running.map_or_else(
        || "still starting".to_owned(),
        |running| {
            let inbox = running.mailbox.map(|url| format!(", inbox {url}"));
            let stripe = running.stripe_sandbox.map(|url| format!(", Stripe {url}"));
            [Some(format!("API {}", running.api)), inbox, stripe]
                .into_iter()
                .flatten()
                .collect()
        },
    );
    format!(
        "development mode already runs in {} ({addresses}): use that one, stop it, or set \
         TOLLGATE_DEV_DIR to another directory",
        directory.display()
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn running() -> Running {
        Running {
            api: "http://127.0.0.1:1".to_owned(),
            ops: "http://127.0.0.1:2".to_owned(),
            docs: "http://127.0.0.1:1/docs/".to_owned(),
            mailbox: Some("http://127.0.0.1:3".to_owned()),
            stripe_sandbox: None,
            webhook_secret: "whsec_1".to_owned(),
            database_url: "postgres://localhost/tollgate".to_owned(),
            operator: Operator {
                email: "operator@tollgate.localhost".to_owned(),
                password: "secret".to_owned(),
            },
        }
    }

    #[test]
    fn a_second_claim_is_told_the_addresses_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let first = Place::claim(directory.path()).unwrap();
        let refused = Place::claim(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("(still starting)"), "{refused}");

        first.announce(&running()).unwrap();
        let refused = Place::claim(directory.path()).unwrap_err().to_string();
        assert!(
            refused.contains("(API http://127.0.0.1:1, inbox http://127.0.0.1:3)"),
            "{refused}"
        );
        assert_eq!(refused.lines().count(), 1);
    }

    #[test]
    fn what_a_killed_run_announced_is_withdrawn_by_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let killed = Place::claim(directory.path()).unwrap();
        killed.announce(&running()).unwrap();
        drop(killed);
        let next = Place::claim(directory.path()).unwrap();
        assert!(next.kept::<Running>(ANNOUNCEMENT).unwrap().is_none());
    }

    #[test]
    fn what_is_kept_is_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::claim(directory.path()).unwrap();
        place.announce(&running()).unwrap();
        let file = fs::metadata(directory.path().join(ANNOUNCEMENT)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
}
