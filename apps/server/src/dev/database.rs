//! The database of development mode: the one in DATABASE_URL, else a private cluster from the
//! machine's own binaries, else a container.

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

#[derive(Debug)]
pub(super) enum Database {
    /// Somebody else's, who also stops it.
    Given,
    Private {
        root: PathBuf,
    },
    Container {
        name: String,
    },
}

impl Database {
    /// Starts what is needed, migrates, and tells `variables` where it is.
    pub(super) async fn start(directory: &Path, variables: &mut Variables) -> anyhow::Result<Self> {
        let (database, url) = match variables.get("DATABASE_URL") {
            Some(url) => (Self::Given, url.to_owned()),
            None => Self::of_our_own(directory, variables).await?,
        };
        tollgate_migration::migrate(&url)
            .await
            .context("DATABASE_URL")?;
        variables.set("DATABASE_URL", url);
        Ok(database)
    }

    async fn of_our_own(directory: &Path, variables: &Variables) -> anyhow::Result<(Self, String)> {
        let cluster = {
            let root = root(directory);
            spawn_blocking(move || Cluster::ensure(&root, Durability::Durable)).await?
        };
        let (database, url) = match cluster {
            Ok(cluster) => {
                let root = root(directory);
                (Self::Private { root }, cluster.url("postgres"))
            }
            Err(ClusterError::NoBinaries) => in_container(directory, variables).await?,
            Err(error) => return Err(error).context("starting the private PostgreSQL"),
        };
        let url = create(&url).await.context("making the database")?;
        Ok((database, url))
    }

    /// Leaves running what was running before.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Given => {}
            Self::Private { root } => spawn_blocking(move || Cluster::stop(&root)).await??,
            Self::Container { name } => {
                print(&format!(
                    "PostgreSQL still runs: `docker stop {name}` ends it.\n"
                ));
            }
        }
        Ok(())
    }
}

pub(super) fn root(directory: &Path) -> PathBuf {
    directory.join("postgres")
}

/// Without Docker either, what would have helped in the first place is named.
async fn in_container(
    directory: &Path,
    variables: &Variables,
) -> anyhow::Result<(Database, String)> {
    let image = variables
        .get("TOLLGATE_DEV_POSTGRES_IMAGE")
        .unwrap_or(DEFAULT_IMAGE)
        .to_owned();
    let digest = hex::encode(Sha256::digest(directory.as_os_str().as_encoded_bytes()));
    let name = format!("tollgate-dev-{}", digest.split_at(8).0);
    let container = {
        let name = name.clone();
        spawn_blocking(move || ensure_in_docker(&name, &image)).await?
    };
    match container {
        Ok(url) => Ok((Database::Container { name }, url)),
        Err(error) => {
            tracing::warn!(error = %error, "PostgreSQL does not run in a container either");
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
