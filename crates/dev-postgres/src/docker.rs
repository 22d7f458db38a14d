//! A `PostgreSQL` in a container, for a machine that has Docker but no server binaries. Speaks to
//! the `docker` command, and never removes a container.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{ClusterError, io_error, percent_encoded, probe};

/// Making a new cluster in a container takes a few seconds; pulling the image is not counted.
const PATIENCE: Duration = Duration::from_mins(1);

const POLL: Duration = Duration::from_millis(100);

/// Starts the container `name`, made from `image` (`postgres:17` or alike) if it does not exist
/// yet, and waits until it takes connections. Returns the URL of its database `postgres`.
///
/// The server is published on a loopback port of Docker's choice, which changes when the container
/// is started again. Its data lives as long as the container.
pub fn ensure_in_docker(name: &str, image: &str) -> Result<String, ClusterError> {
    let password = match recorded_password(name)? {
        Some(password) => {
            docker(&["start", name], None)?;
            password
        }
        None => run(name, image)?,
    };
    let address = published_address(name)?;
    let deadline = Instant::now() + PATIENCE;
    while !probe::answers_at(address) {
        if Instant::now() >= deadline {
            return Err(ClusterError::Docker {
                step: format!("waiting for PostgreSQL in the container `{name}`"),
                said: format!("no answer at {address}, see `docker logs {name}`"),
            });
        }
        thread::sleep(POLL);
    }
    let password = percent_encoded(password.as_bytes());
    Ok(format!("postgres://postgres:{password}@{address}/postgres"))
}

/// Makes the container and returns the password it was made with. The password travels in the
/// environment, since arguments are visible to everybody on the machine.
fn run(name: &str, image: &str) -> Result<String, ClusterError> {
    let password = new_password()?;
    let arguments = [
        "run",
        "--detach",
        "--name",
        name,
        "--publish",
        "127.0.0.1::5432",
        "--env",
        "POSTGRES_PASSWORD",
        image,
    ];
    docker(&arguments, Some(&password))?;
    Ok(password)
}

/// The password that an existing container was made with, `None` when there is no container.
fn recorded_password(name: &str) -> Result<Option<String>, ClusterError> {
    let filter = format!("name=^/{name}$");
    if docker(&["ps", "--all", "--quiet", "--filter", &filter], None)?.is_empty() {
        return Ok(None);
    }
    let format = "{{range .Config.Env}}{{println .}}{{end}}";
    let environment = docker(&["inspect", "--format", format, name], None)?;
    environment
        .lines()
        .find_map(|line| line.strip_prefix("POSTGRES_PASSWORD="))
        .map(|password| Some(password.to_owned()))
        .ok_or_else(|| ClusterError::Docker {
            step: format!("using the container `{name}`"),
            said: "it was made by something else, choose another name".to_owned(),
        })
}

fn published_address(name: &str) -> Result<SocketAddr, ClusterError> {
    let said = docker(&["port", name, "5432/tcp"], None)?;
    said.lines()
        .find_map(|line| line.parse().ok())
        .ok_or_else(|| ClusterError::Docker {
            step: format!("finding the port of the container `{name}`"),
            said,
        })
}

fn new_password() -> Result<String, ClusterError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    File::open(path)
        .and_then(|mut urandom| urandom.read_exact(&mut bytes))
        .map_err(io_error("reading", path))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

fn docker(arguments: &[&str], password: Option<&str>) -> Result<String, ClusterError> {
    let mut command = Command::new("docker");
    command.args(arguments).stdin(Stdio::null());
    if let Some(password) = password {
        command.env("POSTGRES_PASSWORD", password);
    }
    let step = || format!("`docker {}`", arguments.first().unwrap_or(&""));
    let output = command.output().map_err(|source| {
        if source.kind() == ErrorKind::NotFound {
            ClusterError::NoDocker { source }
        } else {
            ClusterError::Docker {
                step: step(),
                said: source.to_string(),
            }
        }
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(ClusterError::Docker {
        step: step(),
        said: complaint(&said),
    })
}

/// What the daemon or the command line held against us, without progress and usage hints.
fn complaint(stderr: &str) -> String {
    stderr
        .lines()
        .map(str::trim)
        .find(|line| line.contains("rror"))
        .or_else(|| stderr.lines().map(str::trim).find(|line| !line.is_empty()))
        .unwrap_or("it gave no reason")
        .to_owned()
}
