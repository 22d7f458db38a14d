use std::error::Error;

use tollgate_store_postgres::{PostgresStore, Settings};
use tollgate_use_cases::ports::{Store, StoreError};

use crate::support::bench;

#[tokio::test]
async fn a_database_that_is_not_there_is_told_without_its_password() {
    let settings = Settings {
        url: "postgres://ada:hunter2@127.0.0.1:1/nowhere".into(),
        max_connections: 1,
        application_name: "nobody".to_owned(),
    };
    assert!(!format!("{settings:?}").contains("hunter2"));
    let error = PostgresStore::connect(&settings).await.unwrap_err();
    assert!(matches!(
        error,
        StoreError::Unavailable {
            step: "connect",
            ..
        }
    ));
    let mut told = Some(&error as &dyn Error);
    while let Some(error) = told {
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        told = error.source();
    }
}

#[tokio::test]
async fn a_pool_is_seen_by_its_name_and_counts_its_connections() {
    let bench = bench("pool_name").await;
    bench.store.ping().await.unwrap();
    let named = "pg_stat_activity WHERE application_name = 'pool_name'";
    let open = bench.count(named).await;
    assert_eq!(i64::from(bench.store.connections().0), open);
}
