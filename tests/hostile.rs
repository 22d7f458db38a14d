//! Every operation against everybody who must not reach what belongs to somebody else.

use std::{collections::BTreeMap, fmt::Write as _};

use reqwest::Method;
use serde_json::json;
use tollgate::http::{ROUTES, Route};
use uuid::Uuid;

use crate::{
    guards::{CHANGED_PASSWORD, Named, ask_about, every_route, is_erasure, said},
    world::{DAY, Person, Setup, World, googles},
};

/// What belongs to Ida's account, by the route whose path asks for it.
struct Hers {
    ids: BTreeMap<&'static str, String>,
    code: String,
    member: String,
    account: String,
}

impl Hers {
    fn named(&self, route: &Route) -> Named {
        let nothing = Named::nothing();
        Named {
            id: self.ids.get(route.path).cloned().unwrap_or(nothing.id),
            code: self.code.clone(),
            person: self.member.clone(),
            account: self.account.clone(),
        }
    }

    /// Whether a request to `route` names anything at all.
    fn is_asked_for(&self, route: &Route) -> bool {
        self.ids.contains_key(route.path)
            || route.path.ends_with("/transfer-ownership")
            || route.path.ends_with("/current-account")
    }
}

/// Something that looks alike and belongs to nobody.
fn random() -> Named {
    let id = Uuid::from_u128(0x0193_4a00_1111_7222_8333_4444_5555_6666).to_string();
    Named {
        id: id.clone(),
        code: id.clone(),
        person: id.clone(),
        account: id,
    }
}

async fn text(world: &World, query: &'static str) -> String {
    let found = sqlx::query_scalar(query).fetch_one(world.database.pool());
    found.await.unwrap()
}

/// One of each thing that has an id.
async fn hers(world: &World, ida: &Person, bob: &Person, mailed: String) -> Hers {
    let invite = "SELECT id::text FROM account_invites WHERE accepted_at IS NULL";
    let invite = text(world, invite).await;
    let session = "SELECT s.id::text FROM auth_sessions s JOIN users u ON u.id = s.user_id \
        WHERE u.name = 'Ida' LIMIT 1";
    let event = text(world, "SELECT id FROM webhook_events LIMIT 1").await;
    let identity = text(world, "SELECT id::text FROM oauth_identities").await;
    let session = text(world, session).await;
    let code = text(world, "SELECT id::text FROM invite_codes").await;
    let lead = text(world, "SELECT id::text FROM sales_leads").await;
    let job = "SELECT id::text FROM graphile_worker._private_jobs LIMIT 1";
    let job = text(world, job).await;
    let subscription = world.subscription(ida).await;
    let account = ida.account.clone();
    let ids = [
        ("/api/v1/auth/sessions/{id}", session),
        ("/api/v1/auth/identities/{id}", identity),
        ("/api/v1/accounts/me/members/{id}", bob.id.clone()),
        ("/api/v1/accounts/me/invites/{id}", invite.clone()),
        ("/api/v1/accounts/me/invites/{id}/resend", invite),
        ("/api/v1/subscriptions/complete/{id}", subscription),
        ("/api/v1/admin/webhook-events/{id}", event.clone()),
        ("/api/v1/admin/webhook-events/{id}/replay", event),
        ("/api/v1/admin/jobs/{id}/retry", job),
        ("/api/v1/admin/accounts/{id}", account.clone()),
        ("/api/v1/admin/accounts/{id}/complimentary", account.clone()),
        ("/api/v1/admin/accounts/{id}/suspend", account.clone()),
        ("/api/v1/admin/invites/{id}", code),
        ("/api/v1/admin/sales-leads/{id}", lead),
    ];
    Hers {
        ids: ids.into(),
        code: mailed,
        member: bob.id.clone(),
        account,
    }
}

/// A request that names what is Ida's is answered as one that names nothing, and changes nothing of hers.
/// What each route says to whom is read in review.
#[tokio::test]
async fn t68_nobody_reaches_what_belongs_to_another_account() {
    let world = Setup::default().with_providers().start().await;
    let mut ida = world.owner("Ida", 5).await;
    world
        .sign_in_through("google", &googles("Ida"))
        .await
        .ok(200);
    let bob = world.member(&ida, "Bob", "engineer").await;
    let mut vic = world.member(&ida, "Vic", "viewer").await;
    let mut xan = world.member(&ida, "Xan", "admin").await;
    let mut uma = world.person("Uma").await;
    world.advance(DAY * 8).await;
    let mut oto = world.owner("Oto", 3).await;
    for person in [&mut ida, &mut vic, &mut xan, &mut uma, &mut oto] {
        world.sign_in(person).await;
    }
    let path = format!("/api/v1/accounts/me/members/{}", xan.id);
    let removal = world.call(0, Method::DELETE, &path).by(&ida);
    removal.send().await.ok(204);
    let code = world.invited(&ida, "Guest", "viewer").await;
    let olga = world.operator().await;
    let handed_out = world.admin(&olga, Method::POST, "/invites");
    let plan = json!({ "assigned_plan": "pro" });
    handed_out.json(&plan).send().await.ok(201);
    let lead = json!({
        "email": "ida@example.com", "name": "Ida", "company": "Ida's", "source": "pricing_page",
    });
    world.post("/sales-leads").json(&lead).send().await.ok(201);
    let hers = hers(&world, &ida, &bob, code).await;
    world.drain().await;

    let paths = ROUTES.iter().map(|route| route.path);
    for path in paths.filter(|path| path.contains("{id}")) {
        assert!(hers.ids.contains_key(path), "{path} has no case");
    }
    let marks = [&ida.id, &ida.account, &bob.id, &ida.email].map(String::as_str);
    let before = world.rows_with(&marks).await;
    let mut table = String::new();
    let hostiles = [
        ("anonymous", None),
        ("unverified", Some(uma)),
        ("ex-member", Some(xan)),
        ("other owner", Some(oto)),
        ("viewer", Some(vic)),
    ];
    for (who, mut hostile) in hostiles {
        for route in every_route() {
            // Whoever has signed out before erases nobody. An ex-member has done nothing so far.
            if let Some(person) = &mut hostile
                && is_erasure(route)
                && who != "ex-member"
            {
                world.sign_in_with(person, CHANGED_PASSWORD).await;
            }
            let place = format!("{who}: {} {}", route.method, route.path);
            let named = hers.named(route);
            let answer = ask_about(&world, route, hostile.as_ref(), &named).await;
            // A viewer's account is no foreign one, and a code is known to whom it was mailed.
            let is_foreign = who != "viewer" && !route.path.contains("{code}");
            if is_foreign && hers.is_asked_for(route) {
                let other = ask_about(&world, route, hostile.as_ref(), &random()).await;
                assert_eq!(
                    (other.status, other.text),
                    (answer.status, answer.text.clone()),
                    "{place}"
                );
            }
            let after = world.rows_with(&marks).await;
            let own = hostile.as_ref().map(|person| person.id.as_str());
            let is_theirs = |row: &&String| own.is_some_and(|own| row.contains(own));
            let written = after.symmetric_difference(&before);
            let written: Vec<_> = written.filter(|row| !is_theirs(row)).collect();
            assert!(written.is_empty(), "{place}: {written:#?}");
            let (status, said) = (answer.status, said(&answer));
            writeln!(table, "{place}: {status} {said}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
