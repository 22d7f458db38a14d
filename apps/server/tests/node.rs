//! A node from start to stop, on a real database.

#![cfg(test)]

use std::{fs, path::PathBuf, time::Duration};

use tollgate::{
    config::{Config, Variables},
    node::{Node, NotNow, Role, Shell},
};
use tollgate_dev_postgres::{Cluster, Durability};

/// A cluster of the test's own, stopped and gone with it.
struct Postgres {
    root: PathBuf,
    url: String,
}

impl Postgres {
    fn start() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let root = tempfile::Builder::new()
            .prefix("tollgate-node-")
            .tempdir_in(place)
            .unwrap()
            .keep();
        let url = Cluster::ensure(&root, Durability::Disposable)
            .unwrap()
            .url("postgres");
        Self { root, url }
    }

    async fn migrated() -> Self {
        let postgres = Self::start();
        tollgate_migration::migrate(&postgres.url).await.unwrap();
        postgres
    }

    fn config(&self) -> Config {
        let hex = "0123456789abcdeffedcba9876543210";
        let mut variables = Variables::default();
        for (key, text) in [
            ("TOLLGATE_ENV", "test"),
            ("DATABASE_URL", &self.url),
            ("BIND", "127.0.0.1:0"),
            ("OPS_BIND", "127.0.0.1:0"),
            ("PUBLIC_URL", "http://localhost:8080"),
            ("FRONTEND_URL", "http://localhost:3000"),
            ("SMTP_URL", "smtp://127.0.0.1:1"),
            ("FROM_EMAIL", "hello@example.com"),
            ("TOKEN_SECRET", &hex.repeat(2)),
            ("PASSWORD_PEPPER", &hex.repeat(3)),
            ("ACCESS_TOKEN_KEYS", &"01".repeat(32)),
            ("BCRYPT_COST", "4"),
        ] {
            variables.set(key, text);
        }
        Config::parse(&variables).unwrap()
    }

    async fn node(&self, role: Role) -> Node {
        Node::start(self.config(), Shell::system(), role)
            .await
            .unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        Cluster::stop(&self.root).unwrap();
        fs::remove_dir_all(&self.root).unwrap();
    }
}

/// Status and body of an answer.
async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_answers_on_both_ports_until_it_is_stopped() {
    let postgres = Postgres::migrated().await;
    let node = postgres.node(Role::Serve).await;
    let (api, ops) = (node.url().unwrap(), node.ops_url());

    assert_eq!(get(&format!("{api}/api/v1/plans/public")).await.0, 200);
    assert_eq!(
        get(&format!("{ops}/healthz")).await,
        (200, r#"{"status":"ok"}"#.to_owned())
    );
    assert_eq!(
        get(&format!("{ops}/readyz")).await,
        (200, r#"{"status":"ready"}"#.to_owned())
    );
    assert_eq!(get(&format!("{ops}/api/v1/plans/public")).await.0, 404);
    for path in ["healthz", "readyz", "metrics"] {
        assert_eq!(
            get(&format!("{api}/{path}")).await.0,
            404,
            "{path} is for operators"
        );
    }
    let (_, metrics) = get(&format!("{ops}/metrics")).await;
    for metric in [
        "tollgate_build_info{version=\"",
        "tollgate_uptime_seconds ",
        "database_connections{state=\"open\"} ",
        "http_requests_total{",
        "http_request_duration_seconds_bucket{",
    ] {
        assert!(metrics.contains(metric), "{metric} is not in {metrics}");
    }

    tokio::time::timeout(Duration::from_secs(10), node.stop())
        .await
        .unwrap();
    assert!(reqwest::get(&api).await.unwrap_err().is_connect());
    assert!(reqwest::get(&ops).await.unwrap_err().is_connect());
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_goes_and_comes_with_the_database() {
    let postgres = Postgres::migrated().await;
    let node = postgres.node(Role::Api).await;
    let ready = format!("{}/readyz", node.ops_url());

    Cluster::stop(&postgres.root).unwrap();
    let away = r#"{"reason":"database","status":"not_ready"}"#;
    assert_eq!(get(&ready).await, (503, away.to_owned()));
    assert_eq!(get(&format!("{}/healthz", node.ops_url())).await.0, 200);

    Cluster::ensure(&postgres.root, Durability::Disposable).unwrap();
    assert_eq!(get(&ready).await.0, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_no_api() {
    let postgres = Postgres::migrated().await;
    let node = postgres.node(Role::Worker).await;
    assert_eq!(node.url(), None);
    assert_eq!(get(&format!("{}/readyz", node.ops_url())).await.0, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_behind_is_refused() {
    let postgres = Postgres::start();
    let refused = Node::start(postgres.config(), Shell::system(), Role::Serve).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused.downcast_ref(), Some(NotNow::Behind { .. })),
        "{refused:#}"
    );
    assert!(
        refused.to_string().ends_with("run `tollgate migrate`"),
        "{refused:#}"
    );

    tollgate_migration::migrate(&postgres.url).await.unwrap();
    postgres.node(Role::Serve).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_named() {
    let postgres = Postgres::migrated().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config {
        bind: taken.local_addr().unwrap(),
        ..postgres.config()
    };
    let refused = Node::start(config, Shell::system(), Role::Serve)
        .await
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("BIND: cannot listen on 127.0.0.1:"),
        "{refused:#}"
    );
}
