//! Holds the worker to its promises against a real `PostgreSQL`, above all where the engine's defaults
//! would break them: an idle queue, a backlog, a killed worker, a restarted database.

#![cfg(test)]

mod bench;

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bench::{Bench, Did, shared_cluster};
use tollgate_dev_postgres::{Cluster, Durability, Shutdown};
use tollgate_jobs_graphile::Recovery;

#[tokio::test]
async fn a_committed_job_runs_at_once_and_one_rolled_back_never() {
    let mut bench = Bench::new(&shared_cluster()).await;
    let worker = bench.start(4);

    let mut transaction = bench.pool.begin().await.unwrap();
    bench::enqueue(&mut transaction, "ok:rolled-back").await;
    transaction.rollback().await.unwrap();
    bench.did_nothing_yet();

    let mut transaction = bench.pool.begin().await.unwrap();
    bench::enqueue(&mut transaction, "ok:committed").await;
    transaction.commit().await.unwrap();
    assert_eq!(bench.next().await, Did::ran("ok:committed", 1));
    bench.until_queue_is_empty().await;
    bench.did_nothing_yet();
    bench.end(worker).await;
}

#[tokio::test]
async fn a_failed_job_is_tried_again_with_its_attempt_counted() {
    let mut bench = Bench::new(&shared_cluster()).await;
    let worker = bench.start(1);
    bench.enqueue("fail-once:1").await;
    assert_eq!(bench.next().await, Did::ran("fail-once:1", 1));
    assert_eq!(bench.next().await, Did::ran("fail-once:1", 2));
    bench.until_queue_is_empty().await;
    bench.end(worker).await;
}

#[tokio::test]
async fn poison_becomes_a_dead_letter_with_its_reason_and_holds_nobody_up() {
    let mut bench = Bench::new(&shared_cluster()).await;
    let worker = bench.start(2);
    for number in 0..10 {
        bench.enqueue_with(&format!("panic:{number}"), 1).await;
    }
    bench.enqueue("dead:10").await;
    for number in 0..100 {
        bench.enqueue(&format!("ok:{number}")).await;
    }
    for _ in 0..111 {
        bench.next().await;
    }
    bench.until_only_dead_letters_are_left(11).await;
    let reasons = bench.reasons().await;
    let of = |text: &str| {
        reasons
            .iter()
            .filter(|reason| reason.contains(text))
            .count()
    };
    assert_eq!(of("panicked: poison"), 10, "{reasons:?}");
    assert_eq!(of("refused for good"), 1, "{reasons:?}");
    bench.did_nothing_yet();
    bench.end(worker).await;
}

/// The engine's local queue asks some ten thousand times a second when it is idle and not told to wait.
/// What is counted are the server's own statistics over real time.
#[tokio::test]
async fn an_idle_worker_leaves_the_database_alone() {
    let mut bench = Bench::new(&shared_cluster()).await;
    let worker = bench.start_with(8, Recovery::default());
    bench.enqueue("ok:warm").await;
    bench.next().await;

    let (transactions, seconds) = bench.transactions_while_idle().await;
    println!("{transactions} transactions in {seconds:.1} s");
    assert!(
        transactions / seconds <= 10.0,
        "{transactions} in {seconds} s"
    );
    bench.end(worker).await;
}

/// Without a local queue the engine takes `concurrency` jobs each time it polls.
#[tokio::test]
async fn a_backlog_drains_at_hundreds_of_jobs_a_second() {
    let mut bench = Bench::new(&shared_cluster()).await;
    let mut quickest = Duration::MAX;
    // Whatever else the machine does may slow down a round, not all of them.
    let worker = bench.start(8);
    for _ in 0..3 {
        bench.enqueue_backlog(2_000).await;
        let started = Instant::now();
        for _ in 0..2_000 {
            bench.next().await;
        }
        quickest = quickest.min(started.elapsed());
        bench.until_queue_is_empty().await;
    }
    println!("2000 jobs in {quickest:?}");
    assert!(quickest < Duration::from_secs(4), "{quickest:?}");
    bench.end(worker).await;
}

/// Names the database to the process that this test starts, to be killed.
const VICTIM: &str = "TOLLGATE_TEST_VICTIM";

/// By default the engine never looks for dead workers, and would not count the attempt.
#[tokio::test]
async fn the_job_of_a_killed_worker_runs_again_as_its_second_attempt() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only way to tell a second process of this binary what it is for"
    )]
    if let Ok(url) = std::env::var(VICTIM) {
        bench::work_until_killed(&url).await;
    }
    let mut bench = Bench::new(&shared_cluster()).await;
    bench.enqueue("hang-once:1").await;
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("the_job_of_a_killed_worker_runs_again_as_its_second_attempt")
        .env(VICTIM, &bench.url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(victim.stdout.take().unwrap());
    said.lines()
        .map(Result::unwrap)
        .find(|line| line.contains("hang-once:1"))
        .expect("the victim never ran the job");
    victim.kill().unwrap();
    victim.wait().unwrap();

    let killed = Instant::now();
    let worker = bench.start(1);
    assert_eq!(bench.next().await, Did::ran("hang-once:1", 2));
    println!("ran again after {:?}", killed.elapsed());
    bench.until_queue_is_empty().await;
    bench.end(worker).await;
}

#[test]
fn the_jobs_of_a_killed_worker_wait_less_than_thirty_seconds() {
    let recovery = Recovery::default();
    // What the engine makes a first failed attempt wait: e seconds.
    let backoff = Duration::from_secs(3);
    let longest = recovery.dead_after + recovery.sweep_every + backoff;
    assert!(longest < Duration::from_secs(30), "{longest:?}");
    assert!(recovery.heartbeat_every * 2 < recovery.dead_after);
}

/// The engine's worker ends or goes deaf when its connections do.
#[tokio::test]
async fn a_restarted_database_is_worked_for_and_heard_again() {
    for shutdown in [Shutdown::Fast, Shutdown::Immediate] {
        let root = tempfile::tempdir().unwrap();
        let cluster = Cluster::ensure(root.path(), Durability::Durable).unwrap();
        let mut bench = Bench::new(&cluster).await;
        let worker = bench.start(4);
        bench.enqueue("ok:before").await;
        bench.next().await;
        bench.until_queue_is_empty().await;

        Cluster::restart(root.path(), shutdown).unwrap();
        bench.enqueue("ok:after").await;
        assert_eq!(bench.next().await, Did::ran("ok:after", 1));
        bench.until_listened_to().await;

        // A worker that only polls takes some 400 ms.
        let mut latencies = Vec::new();
        for number in 0..9 {
            bench.until_queue_is_empty().await;
            let ordered = Instant::now();
            bench.enqueue(&format!("ok:{number}")).await;
            bench.next().await;
            latencies.push(ordered.elapsed());
        }
        latencies.sort();
        println!("{latencies:?}");
        assert!(latencies[4] < Duration::from_millis(100), "{latencies:?}");
        worker.stop().await;
        Cluster::stop(root.path()).unwrap();
    }
}

#[tokio::test]
async fn stopping_waits_for_the_running_job_and_starts_no_other() {
    let mut bench = Bench::new(&shared_cluster()).await;
    let worker = bench.start(1);
    bench.enqueue("wait:1").await;
    assert_eq!(bench.next().await, Did::ran("wait:1", 1));
    bench.enqueue("ok:2").await;

    let stopped = tokio::spawn(worker.stop());
    bench.handler.release.add_permits(1);
    stopped.await.unwrap();
    bench.did_nothing_yet();
    assert_eq!(bench.waiting().await, ["ok:2"]);

    let next = bench.start(1);
    assert_eq!(bench.next().await, Did::ran("ok:2", 1));
    bench.end(next).await;
}

#[tokio::test]
async fn a_job_that_outlasts_the_shutdown_is_cut_off_in_time_and_left_for_the_next_worker() {
    let mut bench = Bench::new(&shared_cluster()).await;
    let worker = bench.start(1);
    bench.enqueue("wait:1").await;
    assert_eq!(bench.next().await, Did::ran("wait:1", 1));

    let asked = Instant::now();
    worker.stop().await;
    assert!(asked.elapsed() < Duration::from_millis(10_500));

    // To be cut off is no fault of the job's, and not counted as an attempt.
    bench.handler.release.add_permits(1);
    let next = bench.start(1);
    assert_eq!(bench.next().await, Did::ran("wait:1", 1));
    bench.until_queue_is_empty().await;
    bench.end(next).await;
}
