//! A database of its own for each test, a handler that does as the job's event id says, and questions
//! about the queue.

use std::{
    env,
    path::Path,
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use graphile_worker::WorkerUtils;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, query, query_scalar};
use tokio::{
    sync::{
        Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tollgate_dev_postgres::{Cluster, Durability};
use tollgate_jobs_graphile::{Handler, JobError, JobRunner, Recovery, Settings};
use tollgate_primitives::JobKey;
use tollgate_use_cases::ports::{JobKind, NoticeId};

/// Longer than anything here takes; what is slower has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a state that announces itself to nobody is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// For tests that wait for a dead worker to be noticed.
const IMPATIENT: Recovery = Recovery {
    heartbeat_every: Duration::from_millis(500),
    sweep_every: Duration::from_millis(500),
    dead_after: Duration::from_secs(2),
};

/// In memory where the machine has such a place.
pub(crate) fn shared_cluster() -> Cluster {
    let memory = Path::new("/dev/shm");
    let temporary = env::temp_dir();
    let parent = if memory.is_dir() { memory } else { &temporary };
    let root = parent.join("tollgate-jobs-tests");
    Cluster::ensure(&root, Durability::Disposable).unwrap()
}

/// One run of the handler.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Did {
    pub(crate) order: String,
    pub(crate) attempt: u32,
}

impl Did {
    pub(crate) fn ran(order: &str, attempt: u32) -> Self {
        let order = order.to_owned();
        Self { order, attempt }
    }
}

/// Does what the part of the event id before the colon says, after telling that it does.
#[derive(Debug)]
pub(crate) struct Obedient {
    told: UnboundedSender<Did>,
    /// Lets one `wait` go on.
    pub(crate) release: Semaphore,
}

#[async_trait]
impl Handler for Obedient {
    async fn run(&self, key: JobKey, kind: JobKind, attempt: u32) -> Result<(), JobError> {
        let JobKind::RetryEvent { event } = kind else {
            panic!("not ordered here: {kind:?}");
        };
        assert_eq!(key, JobKey::new("test", &event));
        let NoticeId(order) = event;
        let (what, _) = order.split_once(':').unwrap();
        self.told.send(Did::ran(&order, attempt)).unwrap();
        match (what, attempt) {
            ("ok", _) | ("fail-once" | "hang-once", 2..) => Ok(()),
            ("fail-once", _) => Err(JobError::Retry("try again".into())),
            ("hang-once", _) => std::future::pending().await,
            ("wait", _) => {
                self.release.acquire().await.unwrap().forget();
                Ok(())
            }
            ("dead", _) => Err(JobError::Dead("refused for good".into())),
            _ => panic!("poison"),
        }
    }
}

pub(crate) struct Worker {
    runner: JobRunner,
    shutdown: CancellationToken,
}

impl Worker {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.runner.stopped().await;
    }
}

pub(crate) struct Bench {
    pub(crate) url: String,
    pub(crate) pool: PgPool,
    pub(crate) handler: Arc<Obedient>,
    /// To a database without a worker, whose questions are not counted with the worker's.
    aside: PgPool,
    database: String,
    did: UnboundedReceiver<Did>,
}

impl Bench {
    pub(crate) async fn new(cluster: &Cluster) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let database = format!("jobs_{}_{number}", process::id());
        let aside = PgPool::connect(&cluster.url("postgres")).await.unwrap();
        for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            let statement = AssertSqlSafe(format!("{statement} {database}"));
            query(statement).execute(&aside).await.unwrap();
        }
        let url = cluster.url(&database);
        let pool = PgPool::connect(&url).await.unwrap();
        let engine = WorkerUtils::new(pool.clone(), "graphile_worker");
        engine.migrate().await.unwrap();
        let (handler, did) = obedient();
        Self {
            url,
            pool,
            handler,
            aside,
            database,
            did,
        }
    }

    pub(crate) fn start(&self, concurrency: usize) -> Worker {
        self.start_with(concurrency, IMPATIENT)
    }

    pub(crate) fn start_with(&self, concurrency: usize, recovery: Recovery) -> Worker {
        let handler = Arc::clone(&self.handler);
        start(&self.url, concurrency, recovery, handler)
    }

    pub(crate) async fn enqueue(&self, order: &str) {
        self.enqueue_with(order, 25).await;
    }

    pub(crate) async fn enqueue_with(&self, order: &str, attempts: i32) {
        let mut connection = self.pool.acquire().await.unwrap();
        enqueue_with(&mut connection, order, attempts).await;
    }

    pub(crate) async fn enqueue_backlog(&self, count: i32) {
        let sql = "SELECT count(graphile_worker.add_job('retry_event', json_build_object(
                       'kind', 'retry_event', 'event', 'ok:' || n, 'key', 'test:ok:' || n)))
                   FROM generate_series(1, $1) n";
        query(sql).bind(count).execute(&self.pool).await.unwrap();
    }

    /// Stops `worker` and removes the database.
    pub(crate) async fn end(self, worker: Worker) {
        worker.stop().await;
        self.pool.close().await;
        let statement = AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.database));
        query(statement).execute(&self.aside).await.unwrap();
    }

    /// What the handler does next.
    pub(crate) async fn next(&mut self) -> Did {
        timeout(PATIENCE, self.did.recv()).await.unwrap().unwrap()
    }

    pub(crate) fn did_nothing_yet(&mut self) {
        assert!(self.did.try_recv().is_err());
    }

    pub(crate) async fn until_queue_is_empty(&self) {
        self.until("SELECT count(*) = 0 FROM graphile_worker._private_jobs")
            .await;
    }

    pub(crate) async fn until_only_dead_letters_are_left(&self, count: i64) {
        self.until(&format!(
            "SELECT count(*) = {count}
                    AND count(*) FILTER (WHERE attempts >= max_attempts AND locked_by IS NULL) = {count}
             FROM graphile_worker.jobs"
        ))
        .await;
    }

    pub(crate) async fn until_listened_to(&self) {
        let database = &self.database;
        self.until(&format!(
            "SELECT count(*) > 0 FROM pg_stat_activity
             WHERE datname = '{database}' AND query LIKE 'LISTEN%'"
        ))
        .await;
    }

    async fn until(&self, question: &str) {
        let asking = async {
            loop {
                let answer = query_scalar(AssertSqlSafe(question.to_owned()));
                if answer.fetch_one(&self.pool).await.unwrap() {
                    return;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(PATIENCE, asking).await.expect(question);
    }

    /// The last errors of all jobs that are left.
    pub(crate) async fn reasons(&self) -> Vec<String> {
        let sql = "SELECT last_error FROM graphile_worker.jobs";
        query_scalar(sql).fetch_all(&self.pool).await.unwrap()
    }

    /// The orders that are left.
    pub(crate) async fn waiting(&self) -> Vec<String> {
        let sql = "SELECT payload ->> 'event' FROM graphile_worker._private_jobs ORDER BY id";
        query_scalar(sql).fetch_all(&self.pool).await.unwrap()
    }

    /// Transactions in this database, and the seconds in which they were counted: at least five, between
    /// two changes of the statistics. A process of the server that has gone idle may report what it did
    /// up to ten seconds late, so that what led up to the idleness is waited for first.
    pub(crate) async fn transactions_while_idle(&self) -> (f64, f64) {
        let (before, started) = self.statistics_after(Duration::from_secs(11)).await;
        let last = self.statistics_after(Duration::from_secs(5)).await;
        let counted = u32::try_from(last.0 - before).unwrap();
        (f64::from(counted), (last.1 - started).as_secs_f64())
    }

    /// The first change of the statistics after `span` has passed.
    async fn statistics_after(&self, span: Duration) -> (i64, Instant) {
        let begun = Instant::now();
        let mut last = self.next_change_of_statistics(-1).await;
        while last.1.duration_since(begun) < span {
            last = self.next_change_of_statistics(last.0).await;
        }
        last
    }

    async fn next_change_of_statistics(&self, known: i64) -> (i64, Instant) {
        let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1";
        let looking = async {
            loop {
                let count: i64 = query_scalar(sql)
                    .bind(&self.database)
                    .fetch_one(&self.aside)
                    .await
                    .unwrap();
                if count != known {
                    return (count, Instant::now());
                }
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(PATIENCE, looking).await.unwrap()
    }
}

fn obedient() -> (Arc<Obedient>, UnboundedReceiver<Did>) {
    let (told, did) = unbounded_channel();
    let release = Semaphore::new(0);
    (Arc::new(Obedient { told, release }), did)
}

fn start(url: &str, concurrency: usize, recovery: Recovery, handler: Arc<Obedient>) -> Worker {
    let settings = Settings {
        database_url: url.into(),
        concurrency: concurrency.try_into().unwrap(),
        recovery,
        every_minute: Vec::new(),
        every_day: Vec::new(),
    };
    let shutdown = CancellationToken::new();
    let runner = JobRunner::start(&settings, handler, shutdown.clone()).unwrap();
    Worker { runner, shutdown }
}

/// Runs jobs in this process for ever, and prints each.
pub(crate) async fn work_until_killed(url: &str) -> ! {
    let (handler, mut did) = obedient();
    let _worker = start(url, 1, IMPATIENT, handler);
    loop {
        println!("{:?}", did.recv().await);
    }
}

pub(crate) async fn enqueue(connection: &mut PgConnection, order: &str) {
    enqueue_with(connection, order, 25).await;
}

async fn enqueue_with(connection: &mut PgConnection, order: &str, attempts: i32) {
    let event = NoticeId(order.to_owned());
    let key = JobKey::new("test", &event);
    let kind = JobKind::RetryEvent { event };
    let mut payload = serde_json::to_value(&kind).unwrap();
    payload["key"] = key.as_str().into();
    let sql = "SELECT id FROM graphile_worker.add_job(
                   identifier => $1, payload => $2::json, job_key => $3, max_attempts => $4)";
    query(sql)
        .bind(kind.name())
        .bind(payload.to_string())
        .bind(key.as_str())
        .bind(attempts)
        .execute(connection)
        .await
        .unwrap();
}
