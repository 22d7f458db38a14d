//! F02: `kill -9` before every statement and around every call to Stripe of what people do with money.
//! Whoever asks again, twice, ends where one question would have led.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_stripe_sandbox::Sandbox;
use tollgate_testkit::{Database, Point, Proxy};

use super::KEY;
use crate::world::{PASSWORD, Program, run, set_stripe, settings};

/// More statements than any request takes.
const MANY: usize = 60;

/// What people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Checkout,
    Embedded,
    Move,
    Cancel,
    Keep,
}

impl Flow {
    fn path(self) -> &'static str {
        match self {
            Self::Checkout => "/billing/checkout-session",
            Self::Embedded => "/subscriptions",
            Self::Move => "/billing/change-plan",
            Self::Cancel => "/billing/cancel",
            Self::Keep => "/billing/keep",
        }
    }

    fn body(self) -> Option<Value> {
        match self {
            Self::Checkout | Self::Embedded => Some(choice(1)),
            Self::Move => Some(json!({ "plan": "pro", "seats": 2 })),
            Self::Cancel | Self::Keep => None,
        }
    }

    /// What Stripe is told by, in the order of the calls.
    fn calls(self) -> &'static [&'static str] {
        match self {
            Self::Checkout => &["/v1/customers", "/v1/checkout/sessions"],
            Self::Embedded => &["/v1/customers", "/v1/subscriptions"],
            Self::Move | Self::Cancel | Self::Keep => &["/v1/subscriptions/"],
        }
    }

    /// What whoever asks for it once more is told, unless it is told the same again.
    fn is_done(self) -> Option<&'static str> {
        match self {
            Self::Checkout | Self::Embedded => None,
            Self::Move => Some("same_plan"),
            Self::Cancel => Some("nothing_to_cancel"),
            Self::Keep => Some("nothing_to_keep"),
        }
    }

    /// What Stripe has of the customer in the end.
    fn end(self) -> Value {
        let pages = u32::from(self == Self::Checkout);
        let live = |seats: u32, paid: u32, stops: bool| json!({ "status": "active", "seats": seats, "paid": paid, "stops": stops });
        let subscriptions = match self {
            Self::Checkout => json!([]),
            Self::Embedded => {
                json!([{ "status": "incomplete", "seats": 1, "paid": 0, "stops": false }])
            }
            Self::Move => json!([live(2, 2, false)]),
            Self::Cancel => json!([live(1, 1, true)]),
            Self::Keep => json!([live(1, 1, false)]),
        };
        json!({ "customers": 1, "open pages": pages, "subscriptions": subscriptions })
    }
}

fn choice(seats: u32) -> Value {
    json!({ "plan": "pro", "seats": seats, "billing_interval": "monthly" })
}

struct Shop {
    database: Database,
    proxy: Proxy,
    sandbox: Sandbox,
    settings: Vec<(&'static str, String)>,
    http: reqwest::Client,
}

struct Customer {
    account: String,
    access: String,
}

impl Shop {
    async fn open() -> Self {
        let database = Database::create().await.unwrap();
        let proxy = Proxy::start(database.url()).await.unwrap();
        let sandbox = Sandbox::start(tollgate_stripe_sandbox::Config {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            secret_key: KEY.to_owned(),
            publishable_key: "pk_test_0123456789abcdef".to_owned(),
            webhook: None,
            state_file: None,
            clock: None,
        });
        let sandbox = sandbox.await.unwrap();
        let mut settings = settings(proxy.url(), "smtp://127.0.0.1:1");
        set_stripe(&mut settings, &sandbox.url());
        settings.push(("DATABASE_POOL_SIZE", "1".to_owned()));
        let shop = Self {
            database,
            proxy,
            sandbox,
            settings,
            // A page that was paid leads to the product's own, which is not there.
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        };
        shop.tell_sandbox(Method::POST, "seed", json!({})).await;
        let synced = run(&["sync-plans"], &shop.settings);
        assert!(synced.status.success(), "{synced:?}");
        shop
    }

    fn start_program(&self) -> Program {
        Program::start(&self.settings)
    }

    async fn tell_sandbox(&self, method: Method, path: &str, order: Value) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox.url());
        let request = self.http.request(method, url).json(&order);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Status and body; nothing when the connection broke.
    async fn post(
        &self,
        program: &Program,
        path: &str,
        access: Option<&str>,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let mut request = self.http.post(program.url(path));
        if let Some(access) = access {
            request = request.bearer_auth(access);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        Some((response.status().as_u16(), response.json().await.ok()?))
    }

    async fn ask(&self, program: &Program, flow: Flow, by: &Customer) -> Option<(u16, Value)> {
        let body = flow.body();
        self.post(program, flow.path(), Some(&by.access), body.as_ref())
            .await
    }

    /// Somebody without a trial who is where `flow` begins.
    async fn customer(&self, program: &Program, flow: Flow, name: &str) -> Customer {
        let email = format!("{name}@example.com").to_lowercase();
        let body = json!({ "email": email, "password": PASSWORD, "name": "Ada" });
        let (status, user) = self
            .post(program, "/auth/register", None, Some(&body))
            .await
            .unwrap();
        assert_eq!(status, 201, "{user}");
        let text = |key: &str| user[key].as_str().unwrap().to_owned();
        let customer = Customer {
            account: text("account_id"),
            access: text("access_token"),
        };
        sqlx::query("DELETE FROM subscriptions WHERE account_id = $1::uuid")
            .bind(&customer.account)
            .execute(self.database.pool())
            .await
            .unwrap();
        match flow {
            Flow::Checkout | Flow::Embedded => {}
            Flow::Move | Flow::Cancel => self.buys(program, &customer).await,
            Flow::Keep => {
                self.buys(program, &customer).await;
                let cancelled = self.ask(program, Flow::Cancel, &customer).await.unwrap();
                assert_eq!(cancelled.0, 200, "{}", cancelled.1);
            }
        }
        customer
    }

    async fn buys(&self, program: &Program, customer: &Customer) {
        let (status, opened) = self.ask(program, Flow::Checkout, customer).await.unwrap();
        assert_eq!(status, 200, "{opened}");
        let page = opened["url"].as_str().unwrap();
        let pay = self.http.post(page).form(&[("card", "4242424242424242")]);
        assert_eq!(pay.send().await.unwrap().status().as_u16(), 303);
        self.hear();
    }

    /// Stripe is asked: news that arrive by themselves would be statements among those that are counted.
    fn hear(&self) {
        let reconciled = run(&["reconcile", "--job", "sweep"], &self.settings);
        assert!(reconciled.status.success(), "{reconciled:?}");
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let url = format!("{}/v1/{path}", self.sandbox.url());
        let response = self.http.get(url).bearer_auth(KEY).send().await.unwrap();
        let list: Value = response.json().await.unwrap();
        assert_eq!(list["has_more"], false, "{path}");
        list["data"].as_array().unwrap().clone()
    }

    async fn at_stripe(&self, customer: &Customer) -> Value {
        let mut customers = self.list("customers?limit=100").await;
        customers.retain(|one| one["metadata"]["tollgate_account"] == customer.account.as_str());
        let id = customers
            .first()
            .map_or("nobody", |one| one["id"].as_str().unwrap());
        let pages = self
            .list(&format!("checkout/sessions?customer={id}&limit=100"))
            .await;
        let open = pages.iter().filter(|page| page["status"] == "open").count();
        let mut subscriptions = Vec::new();
        let path = format!("subscriptions?customer={id}&status=all&limit=100");
        for one in self.list(&path).await {
            let id = one["id"].as_str().unwrap();
            let paid = format!("invoices?subscription={id}&status=paid&limit=100");
            subscriptions.push(json!({
                "status": one["status"],
                "seats": one["items"]["data"][0]["quantity"],
                "paid": self.list(&paid).await.len(),
                "stops": one["cancel_at_period_end"],
            }));
        }
        json!({ "customers": customers.len(), "open pages": open, "subscriptions": subscriptions })
    }

    /// After the kill, on another node: the same question twice, the news, and what they led to.
    async fn goes_on(&self, other: &Program, flow: Flow, customer: &Customer, place: &str) {
        // Its one connection was cut along with the others, which costs a request of its own.
        let state = self.http.get(other.url("/billing/state"));
        let told = state.bearer_auth(&customer.access).send().await.unwrap();
        assert_ne!(told.status().as_u16(), 401, "{place}");
        for _ in 0..2 {
            let (status, body) = self.ask(other, flow, customer).await.unwrap();
            let code = body["detail"]["error"].as_str();
            let is_done = status == 409 && code == flow.is_done();
            assert!(status == 200 || is_done, "{place}: {status} {body}");
        }
        self.hear();
        assert_eq!(self.at_stripe(customer).await, flow.end(), "{place}");
        let half_done = "SELECT count(*) FROM subscription_changes WHERE closed_at IS NULL";
        let half_done: i64 = sqlx::query_scalar(half_done)
            .fetch_one(self.database.pool())
            .await
            .unwrap();
        assert_eq!(half_done, 0, "{place}");
    }

    /// Kills the program at a statement; whether that came to pass.
    async fn killed_at(&self, other: &Program, flow: Flow, point: Point, nth: usize) -> bool {
        let place = format!("{flow:?}, {point:?} statement {nth}");
        let program = self.start_program();
        let name = format!("{flow:?}-{point:?}-{nth}");
        let customer = self.customer(&program, flow, &name).await;
        self.proxy.at_statement(point, nth, program.killer());
        if let Some((status, body)) = self.ask(&program, flow, &customer).await {
            self.proxy.stand_down();
            assert_eq!(status, 200, "{place}: {body}");
            return false;
        }
        self.goes_on(other, flow, &customer, &place).await;
        true
    }

    /// Kills the program while it waits for the answer to a call, which Stripe has carried out or not.
    async fn killed_while_asking(
        &self,
        other: &Program,
        flow: Flow,
        call: &str,
        is_carried_out: bool,
    ) {
        let place = format!("{flow:?}, {call}, carried out: {is_carried_out}");
        let program = self.start_program();
        let name = format!("{flow:?}-{}-{is_carried_out}", call.replace('/', "-"));
        let customer = self.customer(&program, flow, &name).await;
        self.hang(Method::POST, call, is_carried_out).await;
        let kill = program.killer();
        let struck = async {
            self.is_struck().await;
            kill();
        };
        let (answer, ()) = tokio::join!(self.ask(&program, flow, &customer), struck);
        assert_eq!(answer, None, "{place}");
        self.goes_on(other, flow, &customer, &place).await;
    }

    /// Stripe hears the next such call, or carries it out, and does not answer.
    async fn hang(&self, method: Method, call: &str, is_carried_out: bool) {
        let fault = json!([{
            "kind": "hang", "method": method.as_str(), "path_prefix": call, "times": 1,
            "before_commit": !is_carried_out,
        }]);
        self.tell_sandbox(Method::POST, "faults", fault).await;
    }

    async fn is_struck(&self) {
        let mut polls = tokio::time::interval(Duration::from_millis(2));
        while self.tell_sandbox(Method::GET, "faults", Value::Null).await != json!([]) {
            polls.tick().await;
        }
    }

    /// What was bought is paid in the browser, and nobody here has heard of it.
    async fn pays_unheard(&self, begun: &Value) {
        let payment = begun["payment_id"].as_str().unwrap();
        let url = format!(
            "{}/v1/payment_intents/{payment}/confirm",
            self.sandbox.url()
        );
        let request = self.http.post(url).bearer_auth("pk_test_0123456789abcdef");
        let request = request.form(&[
            ("client_secret", begun["client_secret"].as_str().unwrap()),
            ("payment_method_data[type]", "card"),
            ("payment_method_data[card][number]", "4242424242424242"),
        ]);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    }

    /// Erases the customer, and kills the worker that ends what they bought while it waits for the
    /// answer to a call; another worker goes on.
    async fn killed_while_ending(
        &self,
        flow: Flow,
        method: Method,
        call: &str,
        is_carried_out: bool,
    ) {
        let place = format!("{flow:?}, {method} {call}, carried out: {is_carried_out}");
        let program = self.start_program();
        let name = format!("{flow:?}-{method}-{is_carried_out}");
        let customer = self.customer(&program, flow, &name).await;
        if flow == Flow::Embedded {
            let (_, begun) = self.ask(&program, flow, &customer).await.unwrap();
            self.pays_unheard(&begun).await;
        }
        self.hang(method, call, is_carried_out).await;
        let erase = self.http.delete(program.url("/users/me"));
        let erased = erase.bearer_auth(&customer.access).send().await.unwrap();
        assert_eq!(erased.status().as_u16(), 204, "{place}");
        let worker = Program::start_with_worker(&self.settings);
        self.is_struck().await;
        worker.killer()();
        let _another = Program::start_with_worker(&self.settings);
        self.has_ended().await;
        let at_stripe = self.at_stripe(&customer).await;
        let statuses = &at_stripe["subscriptions"];
        assert_eq!(
            statuses.as_array().unwrap().len(),
            1,
            "{place}: {at_stripe}"
        );
        assert_eq!(statuses[0]["status"], "canceled", "{place}");
    }

    /// Waits for the jobs that end what was bought. One that its worker died with is taken over within
    /// half a minute.
    async fn has_ended(&self) {
        let waiting = "SELECT count(*) FROM graphile_worker._private_jobs j
                       JOIN graphile_worker._private_tasks t ON t.id = j.task_id
                       WHERE t.identifier = 'end_subscription'";
        let mut polls = tokio::time::interval(Duration::from_millis(100));
        let done = async {
            loop {
                let jobs = sqlx::query_scalar(waiting).fetch_one(self.database.pool());
                let jobs: i64 = jobs.await.unwrap();
                if jobs == 0 {
                    return;
                }
                polls.tick().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(1), done).await;
        assert!(in_time.is_ok(), "the job was not taken over");
    }

    async fn survives_every_kill(&self, flow: Flow) {
        let other = self.start_program();
        let mut statements = 0;
        while self
            .killed_at(&other, flow, Point::Before, statements + 1)
            .await
        {
            statements += 1;
            assert!(statements < MANY, "{flow:?} takes no end of statements");
        }
        assert!(statements >= 6, "{flow:?}: {statements} statements");
        let last = self.killed_at(&other, flow, Point::After, statements);
        assert!(last.await);
        for call in flow.calls() {
            for is_carried_out in [false, true] {
                self.killed_while_asking(&other, flow, call, is_carried_out)
                    .await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_killed_checkout_opens_one_page() {
    Shop::open().await.survives_every_kill(Flow::Checkout).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_killed_purchase_in_the_product_begins_one_subscription() {
    Shop::open().await.survives_every_kill(Flow::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_killed_change_is_made_and_charged_once() {
    Shop::open().await.survives_every_kill(Flow::Move).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_killed_cancellation_is_made_once() {
    Shop::open().await.survives_every_kill(Flow::Cancel).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_what_was_killed_while_it_was_kept_goes_on() {
    Shop::open().await.survives_every_kill(Flow::Keep).await;
}

/// Of both at once, because each waits for a job to be taken over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_f04_what_was_killed_while_it_was_ended_ends_once() {
    let ends = async |is_carried_out| {
        let shop = Shop::open().await;
        let call = "/v1/subscriptions/";
        shop.killed_while_ending(Flow::Cancel, Method::DELETE, call, is_carried_out)
            .await;
        assert_eq!(shop.list("refunds?limit=100").await, Vec::<Value>::new());
    };
    tokio::join!(ends(false), ends(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_f04_t90_what_was_killed_while_it_was_given_back_is_given_back_once() {
    let gives_back = async |is_carried_out| {
        let shop = Shop::open().await;
        let call = "/v1/refunds";
        shop.killed_while_ending(Flow::Embedded, Method::POST, call, is_carried_out)
            .await;
        let refunds = shop.list("refunds?limit=100").await;
        let amounts: Vec<_> = refunds.iter().map(|refund| &refund["amount"]).collect();
        assert_eq!(amounts, [4900]);
    };
    tokio::join!(gives_back(false), gives_back(true));
}
