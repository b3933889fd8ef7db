//! The configuration: read as written, refused with every reason.

use std::{net::SocketAddr, path::Path};

use api::{Anonymous, Config, Role};
use tempfile::TempDir;

fn problems(text: &str) -> String {
    Config::parse(text, Path::new("/nowhere")).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_what_is_read() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ca.pem"), "").unwrap();
    let text = r#"
        listen = "0.0.0.0:9000"
        database = "sqlite://data/v.db"
        [tsa]
        own = "tsa"
        anchors = ["ca.pem"]
        [auth]
        anonymous = "read"
        [[auth.token]]
        name = "root"
        role = "admin"
        file = "secrets/root"
        [limits]
        body = "2 KiB"
        items = 7
    "#;
    let file = folder.path().join("api.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::read(&file).unwrap();
    assert_eq!(config.listen, SocketAddr::from(([0, 0, 0, 0], 9000)));
    assert_eq!(config.database, folder.path().join("data/v.db"));
    assert_eq!(config.tsa.own, Some(folder.path().join("tsa")));
    assert_eq!(config.tsa.anchors, [folder.path().join("ca.pem")]);
    assert_eq!(config.auth.anonymous, Anonymous::Read);
    assert_eq!(config.auth.tokens[0].role, Role::Admin);
    assert_eq!(config.auth.tokens[0].file, folder.path().join("secrets/root"));
    assert_eq!((config.limits.body, config.limits.items), (2048, 7));
}

#[test]
fn nothing_need_be_written() {
    let config = Config::parse("", Path::new("base")).unwrap();
    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 8000)));
    assert_eq!(config.database, Path::new("base/vedette.db"));
    assert_eq!((config.limits.body, config.limits.items), (16 << 20, 4096));
}

#[test]
fn every_problem_is_named_at_once() {
    insta::assert_snapshot!(problems(r#"
        listen = "here"
        database = "mysql://x"
        colour = "blue"
        [tsa]
        own = 7
        anchors = ["none.pem", 1]
        [auth]
        anonymous = "write"
        [[auth.token]]
        name = "a:b"
        role = "king"
        [[auth.token]]
        name = "x"
        role = "admin"
        file = "x"
        [[auth.token]]
        name = "x"
        role = "agent"
        file = "x"
        [limits]
        body = "16 bananas"
        items = -1
    "#), @"
    `colour`: no such key; there are: listen, database, tsa, auth, limits
    `listen`: `here` is not an address such as `127.0.0.1:8000`
    `database`: `mysql://x` is not `sqlite://` and the path of a file
    `tsa.own`: `7` is not a string
    `tsa.anchors`: `1` is not a string
    `tsa.anchors`: `/nowhere/none.pem` is not a file with certificates in PEM
    `auth.anonymous`: `write` is not `none` or `read`
    `auth.token[0].file`: is missing; it is the file that holds the token
    `auth.token[0].name`: `a:b` is not a name without `:`
    `auth.token[0].role`: `king` is not `reader`, `agent`, `registrar`, `operator` or `admin`
    `auth.token[2].name`: `x` is not a name that no other token has
    `auth.token[2].file`: `/nowhere/x` is not a file that no other token has
    `limits.body`: `16 bananas` is not a size such as `16 MiB`
    `limits.items`: `-1` is not a whole number above 0
    ");
}

#[test]
fn what_is_no_toml_is_shown_where_it_stops_being_it() {
    insta::assert_snapshot!(problems("listen = \n"), @"
    not TOML: TOML parse error at line 1, column 10
      |
    1 | listen = 
      |          ^
    string values must be quoted, expected literal string
    ");
    insta::assert_snapshot!(problems("auth = 1\nlimits = []\ntsa = \"x\""), @r#"
    `tsa`: `"x"` is not a table
    `auth`: `1` is not a table
    `limits`: `[]` is not a table
    "#);
}
