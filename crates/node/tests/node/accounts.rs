//! People, credentials, tokens, sessions.

use node::{AccountError, AuthError, Expiry, InitError, InitRequest, Lasting, Standing, TokenRequest};

use super::*;

#[tokio::test]
async fn a_node_is_initialised_once() {
    let (bench, initialised) = Bench::new().await;
    assert!(initialised.member.id.starts_with("identity--"));
    let again = InitRequest { member_name: "B".into(), admin_name: "b".into() };
    assert!(matches!(bench.node.initialise(again).await, Err(InitError::Already(name)) if name == "CERT A"));
    let admin = bench.node.authenticate(token(&initialised.admin.token), "peer").await.unwrap();
    assert!(admin.is(Role::Admin) && admin.is(Role::Analyst));
    let secret = initialised.admin.password.expose();
    let by_password = bench.node.authenticate(password("ROOT", secret), "peer").await.unwrap();
    let shown = handling::Shown::own(handling::Means::Password);
    assert_eq!(*by_password, Principal { shown, ..(*admin).clone() });
    let inbox = bench.node.collection(&admin, "inbox").await.unwrap();
    assert!(inbox.can_read && inbox.can_write);
    assert_eq!(bench.node.member().await.unwrap().unwrap(), initialised.member);
}

#[tokio::test]
async fn names_that_cannot_be_are_refused() {
    for (member, admin) in
        [("", "root"), ("A\u{7}", "root"), ("A", ""), ("A", "ro:ot"), ("A", " root"), ("A", "root\u{200b}")]
    {
        let request = InitRequest { member_name: member.into(), admin_name: admin.into() };
        let refused = Bench::empty().node.initialise(request).await.unwrap_err();
        assert_eq!(refused.code(), "name-unfit", "{member:?} {admin:?}");
    }
}

#[tokio::test]
async fn the_first_administrator_is_an_analyst_until_there_is_another() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Analyst).await;
    let roles =
        |users: Vec<node::UserView>| users.into_iter().find(|user| user.name == "root").unwrap().roles;
    assert_eq!(roles(bench.node.users(&bench.operator().await).await.unwrap()), ["admin", "analyst"]);
    bench.user("second", Role::Admin).await;
    assert_eq!(roles(bench.node.users(&bench.operator().await).await.unwrap()), ["admin"]);
}

#[tokio::test]
async fn wrong_credentials_are_all_alike() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Reader).await;
    for wrong in [
        password("ann", "not her password"),
        password("nobody", "password of ann"),
        password("ann", ""),
        Credential::Token(Redacted::new("cresset_0".into())),
        Credential::Session(Redacted::new("0".into())),
    ] {
        let refused = bench.node.authenticate(wrong, "peer").await.unwrap_err();
        assert!(matches!(refused, AuthError::Wrong), "{refused}");
    }
    let missing = bench.node.authenticate(Credential::Token(Redacted::new(String::new())), "peer").await;
    assert!(matches!(missing, Err(AuthError::Missing)));
}

#[tokio::test]
async fn guessing_is_slowed_and_running_clients_are_not() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Reader).await;
    bench.principal("ann").await;
    for _ in 0..5 {
        assert!(bench.node.authenticate(password("ann", "guess"), "thief").await.is_err());
    }
    let locked = bench.node.authenticate(password("ann", "guess"), "thief").await.unwrap_err();
    assert!(matches!(locked, AuthError::Locked { retry_after_s: 1 }), "{locked}");
    bench.principal("ann").await;
    // What is verified for its owner's place tells nobody elsewhere that it is right, nor who guesses in that place itself.
    let right = bench.node.authenticate(password("ann", "password of ann"), "thief").await.unwrap_err();
    assert!(matches!(right, AuthError::Locked { .. }), "{right}");
    bench.clock.advance(2 * Micros::SECOND);
    let wrong = bench.node.authenticate(password("ann", "guess"), "thief").await.unwrap_err();
    assert!(matches!(wrong, AuthError::Wrong), "{wrong}");
}

#[tokio::test]
async fn a_changed_password_ends_the_old_one_at_once() {
    let (bench, _) = Bench::new().await;
    let ann = bench.user("ann", Role::Reader).await;
    let session = bench.node.sign_in("ann", &Redacted::new("password of ann".into()), "peer").await.unwrap();
    assert_eq!(bench.node.session(&session.cookie).await.unwrap().csrf, session.csrf);
    bench.node.set_password(&ann, "ann", &Redacted::new("a new password".into())).await.unwrap();
    assert!(bench.node.authenticate(password("ann", "password of ann"), "peer").await.is_err());
    assert!(bench.node.session(&session.cookie).await.is_err());
    assert!(bench.node.authenticate(password("ann", "a new password"), "peer").await.is_ok());
    let short = bench.node.set_password(&ann, "ann", &Redacted::new("short".into())).await;
    assert!(matches!(short, Err(AccountError::PasswordUnfit)));
}

#[tokio::test]
async fn sessions_end_by_themselves_and_by_hand() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Reader).await;
    let secret = Redacted::new("password of ann".to_owned());
    let first = bench.node.sign_in("ann", &secret, "peer").await.unwrap();
    bench.node.sign_out(&first.cookie).await.unwrap();
    assert!(bench.node.session(&first.cookie).await.is_err());
    let second = bench.node.sign_in("ann", &secret, "peer").await.unwrap();
    bench.clock.set(second.expires.plus(-1));
    assert!(bench.node.session(&second.cookie).await.is_ok());
    bench.clock.set(second.expires);
    assert!(bench.node.session(&second.cookie).await.is_err());
}

#[tokio::test]
async fn guesses_from_where_its_owner_is_are_not_told_apart_while_they_wait() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Reader).await;
    let ask = async |given: &str| bench.node.authenticate(password("ann", given), "office").await;
    assert!(ask("password of ann").await.is_ok());
    for _ in 0..5 {
        assert!(matches!(ask("guess").await, Err(AuthError::Wrong)));
    }
    for given in ["guess", "password of ann"] {
        assert!(matches!(ask(given).await, Err(AuthError::Locked { retry_after_s: 1 })), "{given}");
    }
    bench.clock.advance(2 * Micros::SECOND);
    assert!(ask("password of ann").await.is_ok());
    assert!(
        matches!(ask("guess").await, Err(AuthError::Wrong)),
        "its count has begun anew or its wait is over"
    );
}

/// Guesses sent all at once are counted like guesses sent one after another; right passwords all pass.
#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_are_no_way_around_the_count() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Reader).await;
    bench.user("bob", Role::Reader).await;
    let at_once = async |name: &'static str, password_of: fn(u32) -> String, place: fn(u32) -> String| {
        let tries: Vec<_> = (0..60)
            .map(|at| {
                let (node, given) = (bench.node.clone(), password(name, &password_of(at)));
                tokio::spawn(async move { node.authenticate(given, &place(at)).await })
            })
            .collect();
        let mut wrong = 0;
        let mut right = 0;
        for one in tries {
            match one.await.unwrap() {
                Ok(_) => right += 1,
                Err(AuthError::Wrong) => wrong += 1,
                Err(AuthError::Locked { .. } | AuthError::TooMany { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        (right, wrong)
    };
    let elsewhere = |at| format!("10.0.0.{at}");
    assert_eq!(at_once("bob", |_| "password of bob".into(), elsewhere).await, (60, 0));
    assert_eq!(at_once("ann", |at| format!("guess {at}"), elsewhere).await, (0, 5));
}

#[tokio::test]
async fn tokens_narrow_expire_and_are_revoked() {
    let (bench, _) = Bench::new().await;
    let ann = bench.user("ann", Role::Analyst).await;
    let expires = Some(Expiry::At(START.plus(Micros::SECOND)));
    let request = TokenRequest { user: "ann".into(), scopes: vec![Scope::Read], expires };
    let issued = bench.node.issue_token(&ann, request).await.unwrap();
    let reading = bench.node.authenticate(token(&issued.token), "peer").await.unwrap();
    assert!(reading.can(Scope::Read) && !reading.can(Scope::Write));
    let more = TokenRequest { user: "ann".into(), scopes: vec![Scope::Write], expires: None };
    assert_eq!(bench.node.issue_token(&reading, more).await.unwrap_err().code(), "scope-missing");
    let longer = TokenRequest { user: "ann".into(), scopes: vec![Scope::Read], expires: None };
    let refused = bench.node.issue_token(&reading, longer).await.unwrap_err();
    assert_eq!(refused.code(), "scope-missing", "a token makes none that outlives it");
    bench.clock.advance(Micros::SECOND);
    assert!(matches!(bench.node.authenticate(token(&issued.token), "peer").await, Err(AuthError::Expired)));
    let past = TokenRequest { user: "ann".into(), scopes: vec![], expires: Some(Expiry::At(START)) };
    assert!(matches!(bench.node.issue_token(&ann, past).await, Err(AccountError::ExpiresInThePast)));
    let for_a_minute = Lasting::of(60).map(Expiry::After);
    let brief = TokenRequest { user: "ann".into(), scopes: vec![], expires: for_a_minute };
    let brief = bench.node.issue_token(&ann, brief).await.unwrap();
    assert_eq!(brief.expires, Some(START.plus(61 * Micros::SECOND)), "counted by the node's clock");
    bench.node.revoke_token(&ann, &brief.id).await.unwrap();
    let lasting = TokenRequest { user: "ann".into(), scopes: ALL.to_vec(), expires: None };
    let lasting = bench.node.issue_token(&ann, lasting).await.unwrap();
    assert!(bench.node.authenticate(token(&lasting.token), "peer").await.is_ok());
    bench.node.revoke_token(&ann, &lasting.id).await.unwrap();
    assert!(matches!(bench.node.authenticate(token(&lasting.token), "peer").await, Err(AuthError::Wrong)));
    assert_eq!(bench.node.tokens(&ann, None).await.unwrap().len(), 3);
}

#[tokio::test]
async fn tokens_and_jobs_of_one_user_are_bounded() {
    let (bench, _) = Bench::new().await;
    let ann = bench.user("ann", Role::Reader).await;
    let request = || TokenRequest { user: "ann".into(), scopes: vec![Scope::Read], expires: None };
    let mut last = String::new();
    for _ in 0..base::limit::TOKENS_PER_USER_MAX {
        last = bench.node.issue_token(&ann, request()).await.unwrap().id;
    }
    assert_eq!(bench.node.issue_token(&ann, request()).await.unwrap_err().code(), "tokens-max");
    bench.node.revoke_token(&ann, &last).await.unwrap();
    bench.node.issue_token(&ann, request()).await.unwrap();
    let bob = bench.user("bob", Role::Reader).await;
    for at in 0..base::limit::JOBS_PER_USER_MAX {
        bench.node.put_job(&ann, &format!("job {at}"), "{}".into()).await.unwrap();
        bench.clock.advance(1);
    }
    bench.node.put_job(&ann, "job 0", "{\"a\":1}".into()).await.unwrap();
    bench.node.put_job(&bob, "job 1", "{}".into()).await.unwrap();
    // A new login is never refused its memory: what wrote longest ago is forgotten, and nobody else's is.
    bench.node.put_job(&ann, "one more", "{}".into()).await.unwrap();
    let mut kept = Vec::new();
    for name in ["job 0", "job 1", "job 2", "one more"] {
        kept.push(bench.node.job(&ann, name).await.unwrap().is_some());
    }
    assert_eq!(kept, [true, false, true, true]);
    assert!(bench.node.job(&bob, "job 1").await.unwrap().is_some());
}

#[tokio::test]
async fn people_manage_themselves_and_nobody_else() {
    let (bench, _) = Bench::new().await;
    let ann = bench.user("ann", Role::Analyst).await;
    bench.user("bob", Role::Reader).await;
    let his = TokenRequest { user: "bob".into(), scopes: vec![Scope::Read], expires: None };
    assert_eq!(bench.node.issue_token(&ann, his.clone()).await.unwrap_err().code(), "role-missing");
    let nobodys = TokenRequest { user: "nobody".into(), ..his.clone() };
    assert_eq!(bench.node.issue_token(&ann, nobodys).await.unwrap_err().code(), "role-missing");
    let issued = bench.node.issue_token(&bench.operator().await, his).await.unwrap();
    assert!(matches!(bench.node.revoke_token(&ann, &issued.id).await, Err(AccountError::TokenUnknown)));
    let new = NewUser { name: "eve".into(), roles: vec![Role::Admin], password: None };
    assert_eq!(bench.node.add_user(&ann, new).await.unwrap_err().code(), "role-missing");
    assert!(bench.node.users(&ann).await.is_err());
    assert!(bench.node.doctor(&ann, node::Depth::Quick).await.is_err());
}

#[tokio::test]
async fn a_disabled_user_is_out_and_the_last_administrator_stays() {
    let (bench, initialised) = Bench::new().await;
    bench.user("ann", Role::Reader).await;
    let root = bench.operator().await;
    bench.node.set_disabled(&root, "ann", Standing::Disabled).await.unwrap();
    let right = bench.node.authenticate(password("ann", "password of ann"), "peer").await;
    assert!(matches!(right, Err(AuthError::Disabled)));
    let guess = bench.node.authenticate(password("ann", "guess"), "peer").await;
    assert!(matches!(guess, Err(AuthError::Wrong)));
    let last = bench.node.set_disabled(&root, "root", Standing::Disabled).await;
    assert!(matches!(last, Err(AccountError::LastAdmin)));
    let demoted = bench.node.set_roles(&root, "root", vec![Role::Reader]).await;
    assert!(matches!(demoted, Err(AccountError::LastAdmin)));
    assert!(bench.node.authenticate(token(&initialised.admin.token), "peer").await.is_ok());
    bench.node.set_disabled(&root, "ann", Standing::Enabled).await.unwrap();
    bench.principal("ann").await;
    let taken = NewUser { name: "ANN".into(), roles: vec![Role::Reader], password: None };
    assert!(matches!(bench.node.add_user(&root, taken).await, Err(AccountError::NameTaken(_))));
}
