//! `PostgreSQL` in a container, if Docker answers at once and has the image or can get it. The
//! container ends with this process, however that ends.

use std::{
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use sqlx::{Connection as _, PgConnection};
use testcontainers::{
    ContainerAsync, GenericImage, ImageExt as _,
    core::{IntoContainerPort as _, Mount},
    runners::AsyncRunner as _,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::{sleep, timeout},
};

pub(crate) const DEFAULT_IMAGE: &str = "postgres:17";

/// Docker, or a registry, that has not answered by then is not there.
const PATIENCE: Duration = Duration::from_secs(2);
/// A download that has begun may take so long.
const DOWNLOAD: Duration = Duration::from_mins(3);
const START: Duration = Duration::from_secs(30);

/// For databases that are thrown away: nothing has to survive a crash.
const SETTINGS: [&str; 9] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "checkpoint_timeout=30min",
    "max_connections=300",
];

/// Starts a container of `image`, and answers the address of its server.
pub(crate) async fn start(image: &str) -> anyhow::Result<String> {
    obtain(image).await?;
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let command = ["postgres"].into_iter();
    let command = command.chain(SETTINGS.into_iter().flat_map(|setting| ["-c", setting]));
    let container = GenericImage::new(name, tag)
        .with_exposed_port(5432.tcp())
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_env_var("PGDATA", "/memory/data")
        .with_mount(Mount::tmpfs_mount("/memory"))
        .with_cmd(command)
        .start();
    let container = timeout(START, container)
        .await
        .context("the container did not start in time")?
        .context("starting the container")?;
    end_with_this_process(&container)?;
    let port = container.get_host_port_ipv4(5432).await?;
    // Its end is settled; dropping the handle at some point would bring it forward.
    std::mem::forget(container);
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    timeout(START, answers(&url))
        .await
        .context("the container's server did not answer in time")?;
    Ok(url)
}

async fn obtain(image: &str) -> anyhow::Result<()> {
    let inspect = docker(&["image", "inspect", image]).status();
    let inspect = timeout(PATIENCE, inspect).await;
    let is_there = inspect
        .context("Docker does not answer")?
        .context("there is no `docker` command")?;
    if is_there.success() {
        return Ok(());
    }
    let mut pull = docker(&["pull", image]).stdout(Stdio::piped()).spawn()?;
    let said = pull.stdout.take().context("nothing to read from")?;
    let mut said = BufReader::new(said).lines();
    let first = timeout(PATIENCE, said.next_line()).await;
    if !matches!(first, Ok(Ok(Some(_)))) {
        bail!("the image {image} is not here and no registry answers");
    }
    // What it says further is read, so that it is not held up.
    tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    let pulled = timeout(DOWNLOAD, pull.wait()).await;
    match pulled {
        Ok(Ok(status)) if status.success() => Ok(()),
        _ => bail!("the image {image} is not here and could not be downloaded"),
    }
}

fn docker(arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("docker");
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Leaves a process behind that waits for ours to end: the pipe between them closes then, even when
/// ours is killed, and the container goes.
fn end_with_this_process(container: &ContainerAsync<GenericImage>) -> anyhow::Result<()> {
    let wait_and_remove = format!(
        "while read -r _; do :; done; docker rm --force --volumes {}",
        container.id()
    );
    let mut reaper = Command::new("sh")
        .args(["-c", &wait_and_remove])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C is for us alone.
        .process_group(0)
        .spawn()
        .context("starting the process that removes the container")?;
    // Open until the end of this process.
    std::mem::forget(reaper.stdin.take());
    Ok(())
}

async fn answers(url: &str) {
    while !is_answering(url).await {
        sleep(Duration::from_millis(20)).await;
    }
}

async fn is_answering(url: &str) -> bool {
    match PgConnection::connect(url).await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    }
}
