//! Reconciliation: whatever was lost on the way, one round later what is stored is what Stripe says; and
//! where nothing was lost, nothing is written.

mod healing;
mod pending;
mod running;

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tollgate_use_cases::{ReconcileOrder, Report, When, ports::ReconcileJob, reconcile};

use crate::world::{MINUTE, Setup, World};

/// A deployment whose rounds are not held up by their budget.
fn unhurried() -> Setup {
    Setup::default().set("RECONCILE_CALLS_PER_MINUTE", "6000")
}

fn order(job: ReconcileJob, dry_run: bool) -> ReconcileOrder {
    ReconcileOrder {
        job,
        when: When::Now,
        dry_run,
        from: None,
    }
}

impl World {
    /// One round of one job, on a node.
    async fn reconcile(&self, node: usize, job: ReconcileJob) -> Report {
        reconcile(self.app_of(node), &order(job, false)).await
    }

    /// One round of every job, and what follows from it.
    async fn reconcile_all(&self) -> Vec<Report> {
        let mut reports = Vec::new();
        for job in ReconcileJob::ALL {
            reports.push(self.reconcile(0, job).await);
        }
        self.quiesce().await;
        reports
    }

    /// Waits until no job is left, those that were refused once and are tried again included.
    async fn quiesce(&self) {
        self.drain().await;
        let left = "SELECT count(*) FROM graphile_worker._private_jobs
                    WHERE attempts < max_attempts AND key NOT LIKE 'announce_trial_end:%'";
        let mut polls = tokio::time::interval(Duration::from_millis(20));
        let quiet = async {
            while self.count(left).await > 0 {
                polls.tick().await;
            }
        };
        tokio::time::timeout(MINUTE, quiet)
            .await
            .expect("the queue empties");
    }

    async fn dry_run(&self) -> Vec<Report> {
        let mut reports = Vec::new();
        for job in ReconcileJob::ALL {
            reports.push(reconcile(self.app_of(0), &order(job, true)).await);
        }
        reports
    }

    /// From now on this part of the events that concern us is lost.
    async fn lose_events(&self, part: f64) {
        let types = [
            "checkout.session.completed",
            "customer.subscription.created",
            "customer.subscription.updated",
            "customer.subscription.deleted",
            "invoice.payment_failed",
            "invoice.payment_succeeded",
            "invoice.paid",
        ];
        let fault = json!({ "kind": "drop", "probability": part, "seed": 11, "types": types });
        self.tell_sandbox("faults", json!([fault])).await;
    }

    /// Every row of every table, with the transaction that wrote it; what reconciliation keeps of
    /// itself is left out.
    async fn written(&self) -> BTreeMap<String, Vec<String>> {
        let mut written = BTreeMap::new();
        for table in self.rows().await.into_keys() {
            if table.starts_with("public.reconcile_") {
                continue;
            }
            let query = format!("SELECT x.xmin::text || x::text FROM {table} x ORDER BY 1");
            let rows = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(self.database.pool());
            written.insert(table, rows.await.unwrap());
        }
        written
    }

    /// Each account that is Stripe's customer: what is stored, and what Stripe's own objects imply.
    async fn compared(&self) -> Vec<(String, String)> {
        let customers: Vec<(String, Option<String>)> = sqlx::query_as(
            "SELECT c.stripe_customer_id, concat_ws(' ', s.stripe_subscription_id, s.status, s.seat_limit,
                 s.stripe_price_id, extract(epoch FROM s.current_period_end)::bigint,
                 extract(epoch FROM s.cancel_at)::bigint)
             FROM accounts c LEFT JOIN subscriptions s ON s.account_id = c.id
             WHERE c.stripe_customer_id IS NOT NULL",
        )
        .fetch_all(self.database.pool())
        .await
        .unwrap();
        let mut compared = Vec::new();
        for (customer, stored) in customers {
            let path = format!("subscriptions?customer={customer}&status=all&limit=100");
            let list = self.stripe(Method::GET, &path, &[]).await;
            if let Some(implied) = implied(list["data"].as_array().unwrap()) {
                compared.push((stored.unwrap_or_default(), implied));
            }
        }
        compared
    }

    async fn has_converged(&self) -> usize {
        let compared = self.compared().await;
        let differing: Vec<_> = compared
            .iter()
            .filter(|(stored, implied)| stored != implied)
            .collect();
        assert!(differing.is_empty(), "{differing:#?}");
        compared.len()
    }

    /// A customer of Stripe's with a running subscription, who has an account of one person.
    async fn subscriber(&self, price: &str) -> String {
        let customer = self
            .stripe(Method::POST, "customers", &[("name", "C")])
            .await;
        let customer = customer["id"].as_str().unwrap();
        sqlx::query(
            "WITH person AS (
                 INSERT INTO users (id, email, name, created_at)
                 VALUES (gen_random_uuid(), gen_random_uuid() || '@example.com', 'C', '2027-01-01Z') RETURNING id),
             account AS (
                 INSERT INTO accounts (id, name, stripe_customer_id, created_at)
                 VALUES (gen_random_uuid(), 'C', $1, '2027-01-01Z') RETURNING id)
             INSERT INTO memberships (account_id, user_id, role, created_at)
             SELECT account.id, person.id, 'owner', '2027-01-01Z' FROM account, person",
        )
        .bind(customer)
        .execute(self.database.pool())
        .await
        .unwrap();
        let end = (self.now().unix_seconds() + 5 * 24 * 60 * 60).to_string();
        let form = [
            ("customer", customer),
            ("items[0][price]", price),
            ("items[0][quantity]", "2"),
            ("trial_end", &end),
        ];
        let subscription = self.stripe(Method::POST, "subscriptions", &form).await;
        subscription["id"].as_str().unwrap().to_owned()
    }

    async fn monthly_price(&self) -> String {
        let found = self
            .stripe(Method::GET, "prices?lookup_keys[0]=pro_month", &[])
            .await;
        found["data"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn cursor(&self, job: ReconcileJob) -> Option<String> {
        sqlx::query_scalar("SELECT position FROM reconcile_cursors WHERE job = $1")
            .bind(job.as_str())
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }
}

/// The living subscription, or else the one that ended last; `None` when there never was one.
fn implied(newest_first: &[Value]) -> Option<String> {
    let is_over = |one: &&Value| {
        matches!(
            one["status"].as_str(),
            Some("canceled" | "incomplete_expired")
        )
    };
    let living = newest_first.iter().find(|one| !is_over(one));
    let one = living.or_else(|| {
        newest_first
            .iter()
            .max_by_key(|one| one["ended_at"].as_i64())
    })?;
    let item = &one["items"]["data"][0];
    let status = match one["status"].as_str().unwrap() {
        "incomplete" => "pending_payment",
        "incomplete_expired" => "expired",
        same => same,
    };
    let scheduled = one["cancel_at_period_end"] == true;
    let end = item["current_period_end"].as_i64().unwrap();
    let cancel_at = one["cancel_at"].as_i64().or(scheduled.then_some(end));
    let mut words = vec![
        one["id"].as_str().unwrap().to_owned(),
        status.to_owned(),
        item["quantity"].to_string(),
        item["price"]["id"].as_str().unwrap().to_owned(),
        end.to_string(),
    ];
    words.extend(cancel_at.map(|at| at.to_string()));
    Some(words.join(" "))
}
