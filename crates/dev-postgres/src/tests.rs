use std::{fs, os::unix::fs::MetadataExt as _, path::Path, thread, time::Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, PgConnection, Row as _};
use tempfile::TempDir;

use super::*;

/// A directory for one cluster, which is stopped when the test ends, however it ends.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ensure(&self) -> Cluster {
        self.ensure_with(Durability::Disposable)
    }

    fn ensure_with(&self, durability: Durability) -> Cluster {
        Cluster::ensure(self.path(), durability).unwrap()
    }

    fn postmaster(&self) -> i32 {
        let file = fs::read_to_string(self.path().join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = Cluster::stop(self.path());
    }
}

/// Runs `statements` and returns what the last of them answers in its first column, if anything.
fn ask(cluster: &Cluster, statements: &'static str) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(&cluster.url("postgres"))
            .await
            .unwrap();
        let rows = sqlx::raw_sql(statements)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        rows.last().map(|row| row.get(0))
    })
}

#[test]
fn a_cold_start_answers_and_a_second_ensure_finds_the_same_server() {
    let root = Root::new();
    let began = Instant::now();
    let cluster = root.ensure();
    let cold = began.elapsed();
    assert_eq!(ask(&cluster, "SHOW fsync").as_deref(), Some("off"));
    let postmaster = root.postmaster();

    let began = Instant::now();
    let again = root.ensure();
    assert!(began.elapsed() < cold);
    assert_eq!(again.url("postgres"), cluster.url("postgres"));
    assert_eq!(root.postmaster(), postmaster);
}

#[test]
fn a_durable_cluster_keeps_the_promises_of_postgresql() {
    let root = Root::new();
    let cluster = root.ensure_with(Durability::Durable);
    assert_eq!(ask(&cluster, "SHOW fsync").as_deref(), Some("on"));
    assert_eq!(
        ask(&cluster, "SHOW max_connections").as_deref(),
        Some("100")
    );
}

#[test]
fn eight_at_once_make_one_cluster() {
    let root = Root::new();
    let urls: Vec<String> = thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| root.ensure().url("postgres")))
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    assert!(urls.iter().all(|url| *url == urls[0]));
    assert_eq!(ask(&root.ensure(), "SELECT 'one'").as_deref(), Some("one"));
}

#[test]
fn a_killed_server_is_started_again_with_its_data() {
    let root = Root::new();
    let cluster = root.ensure_with(Durability::Durable);
    ask(
        &cluster,
        "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)",
    );
    let killed = root.postmaster();
    kill_process(Pid::from_raw(killed).unwrap(), Signal::KILL).unwrap();

    let cluster = root.ensure_with(Durability::Durable);
    assert_ne!(root.postmaster(), killed);
    assert_eq!(
        ask(&cluster, "SELECT count(*)::text FROM kept").as_deref(),
        Some("1")
    );
}

#[test]
fn a_pid_file_whose_number_went_to_another_process_is_no_obstacle() {
    let root = Root::new();
    root.ensure();
    Cluster::stop(root.path()).unwrap();
    let pid_file = root.path().join("data/postmaster.pid");
    fs::write(
        &pid_file,
        format!("{}\n{}\n", std::process::id(), root.path().display()),
    )
    .unwrap();

    assert_eq!(ask(&root.ensure(), "SELECT 'up'").as_deref(), Some("up"));
}

#[test]
fn stopping_is_done_when_it_returns_and_is_fine_twice() {
    let root = Root::new();
    let cluster = root.ensure();
    Cluster::stop(root.path()).unwrap();
    assert!(!root.path().join("data/postmaster.pid").exists());
    Cluster::stop(root.path()).unwrap();

    root.ensure();
    assert_eq!(ask(&cluster, "SELECT 'back'").as_deref(), Some("back"));
}

#[test]
fn stopping_where_nothing_was_ever_made_is_fine() {
    let root = tempfile::tempdir().unwrap();
    Cluster::stop(&root.path().join("nowhere")).unwrap();
}

#[test]
fn a_restart_keeps_address_and_settings_and_loses_no_commit() {
    let root = Root::new();
    let cluster = root.ensure_with(Durability::Durable);
    ask(&cluster, "CREATE TABLE kept (id int)");
    for shutdown in [Shutdown::Fast, Shutdown::Immediate] {
        let before = root.postmaster();
        Cluster::restart(root.path(), shutdown).unwrap();
        assert_ne!(root.postmaster(), before);
        assert_eq!(ask(&cluster, "SHOW fsync").as_deref(), Some("on"));
        assert_eq!(
            ask(&cluster, "SELECT count(*)::text FROM kept").as_deref(),
            Some("0")
        );
    }
}

#[test]
fn an_initdb_that_was_killed_leaves_nothing_in_the_way() {
    let root = Root::new();
    root.ensure();
    Cluster::stop(root.path()).unwrap();
    fs::rename(
        root.path().join("data"),
        root.path().join("data.unfinished"),
    )
    .unwrap();
    fs::remove_file(root.path().join("data.unfinished/PG_VERSION")).unwrap();

    assert_eq!(
        ask(&root.ensure(), "SELECT 'fresh'").as_deref(),
        Some("fresh")
    );
    assert!(!root.path().join("data.unfinished").exists());
}

#[test]
fn a_data_directory_that_is_none_is_named_and_kept() {
    let root = Root::new();
    root.ensure();
    Cluster::stop(root.path()).unwrap();
    let data = root.path().join("data");
    fs::remove_file(data.join("PG_VERSION")).unwrap();

    let refusal = Cluster::ensure(root.path(), Durability::Disposable).unwrap_err();
    assert!(
        refusal.to_string().contains("is no PostgreSQL cluster"),
        "{refusal}"
    );
    assert!(data.join("postgresql.conf").exists());
}

#[test]
fn a_cluster_of_another_major_version_is_refused_before_anything_is_touched() {
    let root = Root::new();
    root.ensure();
    Cluster::stop(root.path()).unwrap();
    fs::write(root.path().join("data/PG_VERSION"), "8\n").unwrap();

    let refusal = Cluster::ensure(root.path(), Durability::Disposable).unwrap_err();
    assert!(
        matches!(refusal, ClusterError::OtherMajor { made_by: 8, .. }),
        "{refusal}"
    );
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let root = Root::new();
    root.ensure();
    Cluster::stop(root.path()).unwrap();
    let main = root.path().join("data/postgresql.conf");
    fs::write(main, "shared_buffers = 'plenty'\n").unwrap();

    let refusal = Cluster::ensure(root.path(), Durability::Disposable).unwrap_err();
    assert!(refusal.to_string().contains("shared_buffers"), "{refusal}");
}

#[test]
fn a_path_too_long_for_a_socket_still_works() {
    let root = Root::new();
    let long = root.path().join("a directory, with a name".repeat(5));
    let cluster = Cluster::ensure(&long, Durability::Disposable).unwrap();
    let answer = ask(&cluster, "SELECT 'reached'");
    Cluster::stop(&long).unwrap();
    fs::remove_dir_all(&cluster.socket_directory).unwrap();
    assert_eq!(answer.as_deref(), Some("reached"));
}

#[test]
fn ctrl_c_does_not_reach_the_server() {
    let root = Root::new();
    root.ensure();
    let postmaster = Pid::from_raw(root.postmaster()).unwrap();
    // It leads a session of its own, so no terminal's signal finds it.
    assert_eq!(
        rustix::process::getsid(Some(postmaster)).unwrap(),
        postmaster
    );
}

#[test]
fn the_server_never_runs_as_root() {
    let root = Root::new();
    root.ensure();
    let written_by_server = fs::metadata(root.path().join("data/postmaster.pid")).unwrap();
    assert_ne!(written_by_server.uid(), 0);
}

#[test]
fn a_name_in_a_url_is_percent_encoded() {
    let cluster = Cluster {
        socket_directory: PathBuf::from("/var/tmp/a b"),
    };
    assert_eq!(
        cluster.url("t_1/ü"),
        "postgres://postgres@localhost:5432/t_1%2F%C3%BC?host=%2Fvar%2Ftmp%2Fa%20b"
    );
}

#[test]
fn an_image_that_cannot_be_had_is_one_sentence() {
    let refusal = ensure_in_docker("tollgate-no-such", "localhost:1/none/none:none").unwrap_err();
    assert!(
        matches!(
            refusal,
            ClusterError::NoDocker { .. } | ClusterError::Docker { .. }
        ),
        "{refusal}"
    );
    assert_eq!(refusal.to_string().lines().count(), 1);
}
