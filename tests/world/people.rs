//! People who sign up, sign in and buy.

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_primitives::{AccountId, SessionId, UserId};
use tollgate_use_cases::ports::AccessClaims;
use uuid::Uuid;

use super::{Answer, MINUTE, World};

pub(crate) const PASSWORD: &str = "violet-otter-47-lamp";

/// Somebody who signed up. The tokens are those of the last sign-in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Person {
    /// Whom the answer to a registration shows.
    pub(crate) fn of(user: &Value) -> Self {
        let text = |key: &str| user[key].as_str().unwrap().to_owned();
        Self {
            email: text("email"),
            id: text("id"),
            account: text("account_id"),
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

pub(crate) fn registration(name: &str) -> Value {
    json!({
        "email": format!("{}@example.com", name.to_lowercase().replace(' ', ".")),
        "password": PASSWORD,
        "name": name,
    })
}

impl World {
    /// Signs up `name@example.com`.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let body = registration(name);
        Person::of(&self.post("/auth/register").json(&body).send().await.ok(201))
    }

    /// Signs up `name@example.com` with an address that is proven and a plan that is bought with as many
    /// seats.
    pub(crate) async fn owner(&self, name: &str, seats: u32) -> Person {
        let owner = self.person(name).await;
        self.verify(&owner).await;
        let choice = monthly("pro", seats);
        let answer = self.open_checkout(&owner, &choice).await.ok(200);
        let page = answer["url"].as_str().unwrap();
        let card = [("card", "4242424242424242")];
        let paid = self.fetch(Method::POST, page).form(&card).send().await;
        assert_eq!(paid.status, 303, "{paid}");
        self.drain().await;
        owner
    }

    pub(crate) async fn invite(&self, by: &Person, name: &str, role: &str) -> Answer {
        let email = format!("{}@example.com", name.to_lowercase());
        let body = json!({ "email": email, "role": role });
        let call = self.post("/accounts/me/invites");
        call.by(by).json(&body).send().await
    }

    /// Invites `name@example.com`; the code that they are mailed.
    pub(crate) async fn invited(&self, by: &Person, name: &str, role: &str) -> String {
        self.invite(by, name, role).await.ok(201);
        self.drain().await;
        self.mailed_code(name)
    }

    /// The code in the newest invitation to `name@example.com`.
    pub(crate) fn mailed_code(&self, name: &str) -> String {
        let email = format!("{}@example.com", name.to_lowercase());
        let link = "http://app.test/accept-invite?code=";
        let mails = self.mailbox.messages_to(&email);
        let found = mails.iter().find_map(|mail| {
            let (_, rest) = mail.text.split_once(link)?;
            rest.split_whitespace().next()
        });
        found
            .unwrap_or_else(|| panic!("no invitation of {name}"))
            .to_owned()
    }

    /// Signs up `name@example.com` with the code of an invitation.
    pub(crate) async fn join(&self, name: &str, code: &str) -> Answer {
        let mut body = registration(name);
        body["account_invite_code"] = json!(code);
        self.post("/auth/register").json(&body).send().await
    }

    /// Invites somebody new, who comes.
    pub(crate) async fn member(&self, by: &Person, name: &str, role: &str) -> Person {
        let code = self.invited(by, name, role).await;
        Person::of(&self.join(name, &code).await.ok(201))
    }

    pub(crate) async fn accept(&self, by: &Person, code: &str) -> Answer {
        let path = format!("/accounts/invites/{code}/accept");
        self.post(&path).by(by).send().await
    }

    /// The `authorization` of a person in a session and an account.
    pub(crate) fn bearer(&self, (user, session, account): (Uuid, Uuid, Uuid)) -> String {
        let claims = AccessClaims {
            user: UserId::from_uuid(user),
            session: SessionId::from_uuid(session),
            account: AccountId::from_uuid(account),
            issued_at: self.now(),
            expires_at: self.now().saturating_add(MINUTE),
        };
        format!("Bearer {}", self.app().access_tokens.issue(&claims))
    }

    /// Signs up an operator of the platform.
    pub(crate) async fn operator(&self) -> Person {
        let olga = self.person("Olga").await;
        self.verify(&olga).await;
        sqlx::query("UPDATE users SET is_super_admin = true WHERE email = $1")
            .bind(&olga.email)
            .execute(self.database.pool())
            .await
            .unwrap();
        olga
    }

    /// Signs `person` in again: access tokens live fifteen minutes.
    pub(crate) async fn sign_in(&self, person: &mut Person) {
        self.sign_in_with(person, PASSWORD).await;
    }

    pub(crate) async fn sign_in_with(&self, person: &mut Person, password: &str) {
        let body = json!({ "email": person.email, "password": password });
        let tokens = self
            .post("/auth/login/json")
            .json(&body)
            .send()
            .await
            .ok(200);
        person.access = tokens["access_token"].as_str().unwrap().to_owned();
        person.refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    }

    pub(crate) async fn open_checkout(&self, person: &Person, choice: &Value) -> Answer {
        self.post("/billing/checkout-session")
            .by(person)
            .json(choice)
            .send()
            .await
    }

    /// Buys on the page that a browser would show, and waits until the news of it have arrived.
    pub(crate) async fn buy(&self, person: &Person, plan: &str) {
        self.buy_with(person, plan, "4242424242424242").await;
    }

    /// The same with another test card.
    pub(crate) async fn buy_with(&self, person: &Person, plan: &str, card: &str) {
        let choice = monthly(plan, 1);
        let answer = self.open_checkout(person, &choice).await.ok(200);
        let page = answer["url"].as_str().unwrap();
        let paid = self
            .fetch(Method::POST, page)
            .form(&[("card", card)])
            .send()
            .await;
        assert_eq!(paid.status, 303, "{paid}");
        self.drain().await;
    }

    /// Changes the card on the provider's page, as a customer would.
    pub(crate) async fn replace_card(&self, person: &Person, card: &str) {
        let portal = self.get("/billing/portal-session").by(person);
        let portal = portal.send().await.ok(200);
        let page = portal["url"].as_str().unwrap();
        let form = [("action", "card"), ("card", card)];
        let answer = self.fetch(Method::POST, page).form(&form).send().await;
        assert_eq!(answer.status, 303, "{answer}");
        self.drain().await;
    }

    /// The secret in the newest mail to `person` whose link leads to `page`.
    pub(crate) fn mailed_token(&self, person: &Person, page: &str) -> String {
        let link = format!("http://app.test/{page}?token=");
        let mails = self.mailbox.messages_to(&person.email);
        let found = mails.iter().find_map(|mail| {
            let (_, rest) = mail.text.split_once(&link)?;
            rest.split_whitespace().next()
        });
        found
            .unwrap_or_else(|| panic!("no mail with a link to {page}"))
            .to_owned()
    }

    /// Confirms the payment of a purchase that has begun, as the browser does with what it was given.
    pub(crate) async fn confirm(&self, begun: &Value, card: &str) -> Answer {
        let payment = begun["payment_id"].as_str().unwrap();
        let url = format!(
            "{}/v1/payment_intents/{payment}/confirm",
            self.sandbox_url()
        );
        let confirmed = [
            ("client_secret", begun["client_secret"].as_str().unwrap()),
            ("payment_method_data[type]", "card"),
            ("payment_method_data[card][number]", card),
        ];
        let call = self.fetch(Method::POST, &url);
        let call = call.bearer("pk_test_0123456789abcdef");
        call.form(&confirmed).send().await
    }

    /// Takes the account out of `person`'s hands: somebody else owns it now.
    pub(crate) async fn demote(&self, person: &Person, role: &str) {
        let owner = self.person("Somebody Else").await;
        let mut tx = self.database.pool().begin().await.unwrap();
        sqlx::query("INSERT INTO memberships VALUES ($1::uuid, $2::uuid, 'owner', now())")
            .bind(&person.account)
            .bind(&owner.id)
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query("UPDATE memberships SET role = $1 WHERE user_id = $2::uuid")
            .bind(role)
            .bind(&person.id)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// The proof of the mailed link, as if it had been followed.
    pub(crate) async fn verify(&self, person: &Person) {
        sqlx::query("UPDATE users SET email_verified_at = created_at WHERE email = $1")
            .bind(&person.email)
            .execute(self.database.pool())
            .await
            .unwrap();
    }

    /// Stripe's id of what the account bought.
    pub(crate) async fn subscription(&self, person: &Person) -> String {
        sqlx::query_scalar(
            "SELECT stripe_subscription_id FROM subscriptions WHERE account_id = $1::uuid",
        )
        .bind(&person.account)
        .fetch_one(self.database.pool())
        .await
        .unwrap()
    }

    /// Status and basis, as `/billing/state` shows them.
    pub(crate) async fn standing(&self, person: &Person) -> String {
        let state = self.get("/billing/state").by(person).send().await.ok(200);
        let shown = &state["subscription"];
        let text = |key: &str| shown[key].as_str().unwrap_or("nothing").to_owned();
        format!("{} {} by {}", text("status"), text("plan"), text("basis"))
    }
}

/// A choice for the checkout.
pub(crate) fn monthly(plan: &str, seats: u32) -> Value {
    json!({ "plan": plan, "seats": seats, "billing_interval": "monthly" })
}
