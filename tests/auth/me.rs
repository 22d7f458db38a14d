//! GET /auth/me

use crate::world::World;

#[tokio::test]
async fn a_person_sees_who_they_are_and_no_billing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let answer = world.get("/auth/me").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "account_id": "[id]",
      "account_role": "owner",
      "created_at": "2027-01-04T09:00:00Z",
      "email": "ada@example.com",
      "email_verified_at": null,
      "id": "[id]",
      "is_super_admin": false,
      "memberships": [
        {
          "account_id": "[id]",
          "account_name": "Ada",
          "role": "owner"
        }
      ],
      "name": "Ada",
      "onboarding_dismissed": false,
      "onboarding_step_completed": 0,
      "pending_kept_banner": false,
      "timezone": null
    }
    "#);
}

#[tokio::test]
async fn whoever_was_removed_from_the_account_has_no_session_in_it() {
    let world = World::start().await;
    let (ada, bob) = (world.person("Ada").await, world.person("Bob").await);
    world
        .execute(
            "INSERT INTO memberships SELECT a.account_id, b.user_id, 'owner', a.created_at
             FROM memberships a, memberships b WHERE a.account_id <> b.account_id",
        )
        .await;
    sqlx::query("DELETE FROM memberships WHERE user_id = $1::uuid AND account_id = $2::uuid")
        .bind(&ada.id)
        .bind(&ada.account)
        .execute(world.database.pool())
        .await
        .unwrap();
    let answer = world.get("/auth/me").by(&ada).send().await;
    assert_eq!(answer.refusal(), (401, "token_revoked".to_owned()));
    world.get("/auth/me").by(&bob).send().await.ok(200);
}
