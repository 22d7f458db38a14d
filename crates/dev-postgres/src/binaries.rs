//! Finds the server's programs. The newest version wins, except over a cluster that another
//! version made, and over `PG_BIN_DIR`, which is taken at its word.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::ClusterError;

/// Where packagers put versions side by side: parent, prefix of the version's directory, suffix.
const SIDE_BY_SIDE: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Where packagers put the only version.
const ALONE: &[&str] = &["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin"];

/// A directory that holds `initdb`, `pg_ctl` and `postgres` of one major version.
#[derive(Debug)]
pub(crate) struct Binaries {
    directory: PathBuf,
    major: u32,
}

impl Binaries {
    /// Programs that can run the cluster in `data`, which `made_by` made if it exists already.
    pub(crate) fn find(made_by: Option<u32>, data: &Path) -> Result<Self, ClusterError> {
        let found = match configured() {
            Some(directory) => vec![
                Self::in_directory(directory.clone())
                    .ok_or(ClusterError::NotABinDir { directory })?,
            ],
            None => installed(),
        };
        choose(found, made_by, data)
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn in_directory(directory: PathBuf) -> Option<Self> {
        let complete = ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|name| directory.join(name).is_file());
        let major = complete.then(|| major(&directory.join("postgres")))??;
        Some(Self { directory, major })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "PG_BIN_DIR says something about this machine, not about Tollgate's configuration"
)]
fn configured() -> Option<PathBuf> {
    std::env::var_os("PG_BIN_DIR").map(PathBuf::from)
}

fn installed() -> Vec<Binaries> {
    let side_by_side = SIDE_BY_SIDE.iter().flat_map(|(parent, prefix, suffix)| {
        fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter(move |entry| {
                entry
                    .file_name()
                    .as_encoded_bytes()
                    .starts_with(prefix.as_bytes())
            })
            .map(move |entry| entry.path().join(suffix))
    });
    side_by_side
        .chain(ALONE.iter().map(PathBuf::from))
        .chain(said_by_pg_config())
        .filter_map(Binaries::in_directory)
        .collect()
}

fn said_by_pg_config() -> Option<PathBuf> {
    let said = said(Command::new("pg_config").arg("--bindir"))?;
    Some(PathBuf::from(said.trim()))
}

/// Reads `postgres (PostgreSQL) 17.2 (Debian 17.2-1)`, or `18beta1` in its place.
fn major(postgres: &Path) -> Option<u32> {
    let said = said(Command::new(postgres).arg("--version"))?;
    let version = said.split_whitespace().nth(2)?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn said(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()
}

fn choose(
    found: Vec<Binaries>,
    made_by: Option<u32>,
    data: &Path,
) -> Result<Binaries, ClusterError> {
    let fits = |binaries: &&Binaries| made_by.is_none_or(|major| binaries.major == major);
    let newest = found.iter().map(|binaries| binaries.major).max();
    let best = found
        .iter()
        .filter(fits)
        .map(|binaries| binaries.major)
        .max();
    match (best, made_by, newest) {
        (None, Some(made_by), Some(found)) => Err(ClusterError::OtherMajor {
            data: data.to_owned(),
            made_by,
            found,
        }),
        _ => found
            .into_iter()
            .find(|binaries| Some(binaries.major) == best)
            .ok_or(ClusterError::NoBinaries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32) -> Binaries {
        Binaries {
            directory: PathBuf::from(format!("/pg/{major}")),
            major,
        }
    }

    #[test]
    fn a_new_cluster_takes_the_newest_version_found() {
        let chosen = choose(
            vec![version(9), version(17), version(15)],
            None,
            Path::new("/d"),
        );
        assert_eq!(
            chosen.unwrap().program("initdb"),
            Path::new("/pg/17/initdb")
        );
    }

    #[test]
    fn an_old_cluster_takes_the_version_that_made_it() {
        let chosen = choose(vec![version(17), version(15)], Some(15), Path::new("/d"));
        assert_eq!(chosen.unwrap().major, 15);
    }

    #[test]
    fn a_cluster_of_another_major_version_says_what_to_do() {
        let refusal = choose(vec![version(17)], Some(14), Path::new("/d/data")).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "the cluster in `/d/data` was made by PostgreSQL 14, and the newest found here is 17: \
             install PostgreSQL 14, or delete that directory to begin anew"
        );
    }

    #[test]
    fn without_binaries_one_sentence_names_every_way_out() {
        let refusal = choose(Vec::new(), None, Path::new("/d"))
            .unwrap_err()
            .to_string();
        for way_out in [
            "DATABASE_URL",
            "`apt install postgresql`",
            "`brew install postgresql@17`",
            "PG_BIN_DIR",
        ] {
            assert!(refusal.contains(way_out), "{refusal}");
        }
    }

    #[test]
    fn a_directory_without_the_server_is_not_a_bin_directory() {
        let empty = tempfile::tempdir().unwrap();
        assert!(Binaries::in_directory(empty.path().to_owned()).is_none());
    }
}
