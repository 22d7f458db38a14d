//! The database of development mode: the one in `DATABASE_URL`, else a private cluster from
//! the machine's own binaries, else a container.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::task::spawn_blocking;
use tollgate_dev_postgres::{Cluster, ClusterError, Durability, ensure_in_docker};
use url::Url;

use crate::{cli::print, config::Variables};

const DEFAULT_IMAGE: &str = "postgres:17";

/// Made with the cluster, for us to fill.
const NAME: &str = "tollgate";

/// Starts what is needed, migrates, and tells `variables` where it is.
pub(super) async fn start(directory: &Path, variables: &mut Variables) -> anyhow::Result<()> {
    let url = match variables.get("DATABASE_URL") {
        Some(url) => url.to_owned(),
        None => create(&server(directory, variables).await?)
            .await
            .context("making the database")?,
    };
    tollgate_migration::migrate(&url)
        .await
        .context("DATABASE_URL")?;
    variables.set("DATABASE_URL", url);
    Ok(())
}

/// Stops the private cluster, if it runs. Not a container: who has many may not want that.
pub(super) async fn stop(directory: &Path) -> anyhow::Result<()> {
    let root = root(directory);
    Ok(spawn_blocking(move || Cluster::stop(&root)).await??)
}

fn root(directory: &Path) -> PathBuf {
    directory.join("postgres")
}

/// The address of a server of our own.
async fn server(directory: &Path, variables: &Variables) -> anyhow::Result<String> {
    let root = root(directory);
    match spawn_blocking(move || Cluster::ensure(&root, Durability::Durable)).await? {
        Ok(cluster) => Ok(cluster.url("postgres")),
        Err(ClusterError::NoBinaries) => container(directory, variables).await,
        Err(error) => Err(error).context("starting the private PostgreSQL"),
    }
}

/// Without Docker either, what would have helped in the first place is named.
async fn container(directory: &Path, variables: &Variables) -> anyhow::Result<String> {
    let image = variables.get("TOLLGATE_DEV_POSTGRES_IMAGE");
    let image = image.unwrap_or(DEFAULT_IMAGE).to_owned();
    let digest = hex::encode(Sha256::digest(directory.as_os_str().as_encoded_bytes()));
    let name = format!("tollgate-dev-{}", digest.split_at(8).0);
    let of_name = name.clone();
    match spawn_blocking(move || ensure_in_docker(&of_name, &image)).await? {
        Ok(url) => {
            print(&format!(
                "PostgreSQL runs in a container, and stays: `docker stop {name}` ends it.\n"
            ));
            Ok(url)
        }
        Err(error) => {
            tracing::warn!(%error, "PostgreSQL does not run in a container either");
            Err(ClusterError::NoBinaries.into())
        }
    }
}

/// Makes our database beside the one at `url`, unless it is there.
async fn create(url: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    let is_there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(NAME)
            .fetch_one(&mut connection)
            .await?;
    if !is_there {
        connection.execute("CREATE DATABASE tollgate").await?;
    }
    connection.close().await?;
    let mut url = Url::parse(url)?;
    url.set_path(NAME);
    Ok(url.into())
}
