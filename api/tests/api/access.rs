//! Who may do what: every route, and everybody who should not.

use std::os::unix::fs::PermissionsExt;

use api::{Anonymous, Api, Need, Role, Rule, StartError, TokenFileError, rules};
use reqwest::{Method, StatusCode};

use crate::world::{ROLES, World, answer};

/// A token of the right form that nobody gave out.
const UNKNOWN: &str = "vdt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn path(rule: &Rule) -> String {
    rule.path
        .replace("{uuid}", "00000000-0000-0000-0000-000000000000")
        .replace("{jid}", "probe1@vedette.local")
        .replace("{id}", "1")
        .replace("{name}", "edge1")
        .replace("{file}", "app.js")
}

async fn status(world: &World, rule: &Rule, token: Option<&str>) -> u16 {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let request = client
        .build()
        .unwrap()
        .request(rule.method.as_str().parse().unwrap(), world.url(&path(rule)));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.unwrap().status().as_u16()
}

#[test]
fn every_route_that_changes_something_needs_more_than_reading() {
    let harmless = ["/tsr", "/items", "/TimeStampTokens", "/api/v1/verify"];
    for rule in rules().iter().filter(|rule| rule.method != "GET") {
        let open = rule.need == Need::Nothing;
        assert_eq!(open, harmless.contains(&rule.path), "{}", rule.path);
        assert_ne!(rule.need, Need::Read, "{}", rule.path);
    }
}

#[tokio::test]
async fn every_route_refuses_who_may_not_use_it() {
    let world = World::new().await;
    for rule in rules().iter().filter(|rule| rule.need != Need::Nothing) {
        let place = format!("{} {}", rule.method, rule.path);
        assert_eq!(status(&world, rule, None).await, 401, "{place}, nobody");
        assert_eq!(status(&world, rule, Some(UNKNOWN)).await, 401, "{place}, unknown");
        assert_eq!(status(&world, rule, Some("")).await, 401, "{place}, empty");
        for role in ROLES {
            let may = match rule.need {
                Need::Nothing | Need::Read => true,
                Need::Send => role != Role::Reader,
                Need::Register => matches!(role, Role::Registrar | Role::Admin),
                Need::Act => matches!(role, Role::Operator | Role::Admin),
            };
            let status = status(&world, rule, Some(&world.token(role))).await;
            assert_eq!(status != 403, may, "{place}, {}: {status}", role.name());
            assert_ne!(status, 401, "{place}, {}", role.name());
        }
    }
}

#[tokio::test]
async fn who_says_nothing_may_read_when_the_operator_says_so() {
    let world = World::with(|config| config.auth.anonymous = Anonymous::Read).await;
    for rule in rules() {
        let place = format!("{} {}", rule.method, rule.path);
        let nobody = status(&world, &rule, None).await;
        let expected = matches!(rule.need, Need::Send | Need::Register | Need::Act);
        assert_eq!(nobody == 401, expected, "{place}");
        if rule.need != Need::Nothing {
            assert_eq!(status(&world, &rule, Some(UNKNOWN)).await, 401, "{place}");
        }
    }
}

#[tokio::test]
async fn basic_works_with_the_name_of_the_token() {
    let world = World::new().await;
    let token = world.token(Role::Reader);
    let basic = async |name: &str, token: &str, path: &str| {
        let request = world.plain(Method::GET, path).basic_auth(name, Some(token));
        request.send().await.unwrap()
    };
    assert_eq!(basic("reader", &token, "/api/v1/items").await.status(), StatusCode::OK);
    assert_eq!(basic("reader", &token, "/items/").await.status(), StatusCode::OK);
    for (name, token) in [("admin", token.as_str()), ("reader", UNKNOWN), ("", "")] {
        let response = basic(name, token, "/api/v1/items").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], "Basic realm=\"vedette\"");
    }
}

#[tokio::test]
async fn refusals_are_said_in_the_words_of_the_path() {
    let world = World::new().await;
    let nobody = world.plain(Method::GET, "/api/v1/items").send().await.unwrap();
    assert_eq!(nobody.headers()["www-authenticate"], "Bearer realm=\"vedette\"");
    assert_eq!(nobody.headers()["content-type"], "application/problem+json");
    insta::assert_json_snapshot!(answer(nobody).await, @r#"
    [
      401,
      {
        "detail": "Not authenticated",
        "status": 401,
        "title": "Unauthorized",
        "type": "about:blank"
      }
    ]
    "#);

    let nobody = world.plain(Method::POST, "/items/").send().await.unwrap();
    assert_eq!(nobody.headers()["www-authenticate"], "Basic realm=\"vedette\"");
    insta::assert_json_snapshot!(answer(nobody).await, @r#"
    [
      401,
      {
        "detail": "Not authenticated"
      }
    ]
    "#);

    let wrong = world.plain(Method::POST, "/items/").basic_auth("a", Some("b"));
    insta::assert_json_snapshot!(answer(wrong.send().await.unwrap()).await, @r#"
    [
      401,
      {
        "detail": "Incorrect email or password"
      }
    ]
    "#);

    let reader = world.request(Role::Reader, Method::POST, "/api/v1/items");
    insta::assert_json_snapshot!(answer(reader.send().await.unwrap()).await, @r#"
    [
      403,
      {
        "detail": "this needs `agent`, `registrar`, `operator` or `admin`; the token is `reader`",
        "status": 403,
        "title": "Forbidden",
        "type": "about:blank"
      }
    ]
    "#);
}

#[tokio::test]
async fn a_token_stands_in_the_query_of_streams_only() {
    let world = World::new().await;
    let token = world.token(Role::Reader);
    let status =
        async |path: String| world.plain(Method::GET, &path).send().await.unwrap().status();
    assert_eq!(status(format!("/api/v1/events?token={token}")).await, StatusCode::OK);
    assert_eq!(status(format!("/api/v1/items?token={token}")).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_is_no_longer_configured_is_good_for_nothing() {
    let mut world = World::new().await;
    let old = world.token(Role::Operator);
    world.config.auth.tokens.retain(|token| token.role != Role::Operator);
    let world = world.again().await;
    let request = world.plain(Method::GET, "/api/v1/items").bearer_auth(old);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_database_holds_no_token_and_is_its_owners_only() {
    let world = World::new().await;
    let tokens = ROLES.map(|role| world.token(role));
    let folder = world.folder;
    world.api.stop().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap().path();
        if file.file_name().unwrap().to_string_lossy().starts_with("vedette.db") {
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            let bytes = std::fs::read(&file).unwrap();
            for token in &tokens {
                let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
                assert!(!found, "{}", file.display());
            }
        }
    }
}

#[tokio::test]
async fn a_token_is_made_for_its_owner_only_and_kept() {
    let world = World::new().await;
    let before = world.token(Role::Admin);
    assert_eq!((before.len(), before.starts_with("vdt_")), (47, true));
    let file = world.folder.path().join("admin.token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let world = world.again().await;
    assert_eq!(world.token(Role::Admin), before);

    std::fs::write(&file, "hunter2").unwrap();
    let config = world.config.clone();
    world.api.stop().await;
    let error = Api::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Token(TokenFileError::NoToken { .. })), "{error:?}");
}
