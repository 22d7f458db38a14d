//! Which `PostgreSQL` the tests of this process use: the one they are told, else a container, else a
//! private cluster. Says once which one it is.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tollgate_dev_postgres::{Cluster, Durability};

use crate::container;

/// The address of a server on which databases can be made, with the one to make them from.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by the environment, and this is where that is read"
)]
pub(crate) async fn find() -> anyhow::Result<String> {
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        say("the server in TEST_DATABASE_URL");
        return Ok(url);
    }
    let image = std::env::var("TOLLGATE_TEST_POSTGRES_IMAGE");
    let image = image.unwrap_or_else(|_| container::DEFAULT_IMAGE.to_owned());
    match container::start(&image).await {
        Ok(url) => {
            say(&format!("a container of {image}"));
            Ok(url)
        }
        Err(no_container) => {
            let cluster = tokio::task::spawn_blocking(private_cluster).await?;
            let (url, root) = cluster.with_context(|| {
                format!("no PostgreSQL for the tests; a container would do as well, but {no_container:#}")
            })?;
            say(&format!(
                "a private cluster in {} ({no_container:#})",
                root.display()
            ));
            Ok(url)
        }
    }
}

fn private_cluster() -> anyhow::Result<(String, PathBuf)> {
    let root = root_of_cluster();
    let cluster = Cluster::ensure(&root, Durability::Disposable)?;
    Ok((cluster.url("postgres"), root))
}

/// In memory where there is a gigabyte of it for files, since it is thrown away anyway.
fn root_of_cluster() -> PathBuf {
    const ENOUGH: u64 = 1 << 30;
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    if free >= ENOUGH {
        let user = rustix::process::getuid().as_raw();
        return memory.join(format!("tollgate-tests-{user}"));
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-postgres")
}

/// Past the capture of the test harness, because it concerns the whole run.
fn say(source: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "PostgreSQL for these tests: {source}");
}
