//! Wrong settings are told all at once, with what would be right.

use behaviours::{anchor, check, forward, heartbeat, register};
use insta::assert_snapshot;

use crate::support::told;

#[test]
fn a_check_tells_every_wrong_setting() {
    let text = r#"
        command = ["sh", "a\u0000b"]
        every = "0s"
        at = "tomorrow"
        schedule = "every day"
        jitter = "soon"
        timeout = "500000000000 years"
        expect = { exit = "zero", matches = "(", json = 1, perfdata = { load = "x" }, wat = 1 }
        parse = "xml"
        type = 7
        max_output = 100000
        wat = 1
    "#;
    assert_snapshot!(told(check::SETTINGS, check::Settings::read, text), @r#"
    `wat`: unknown key; there are: command, check, every, at, schedule, jitter, timeout, expect, parse, type, max_output
    `command`: holds a zero byte, which no program can be given
    `every`: `0s` is not a time longer than nothing and up to a year, such as "30s"
    `at`: `tomorrow` is not a time such as "2026-12-01T00:00:00Z"
    `jitter`: `soon` is not a time of up to a day, such as "30s"
    `schedule`: `every day` is no cron expression; five fields such as `*/5 * * * *` (minute, hour, day of month, month, day of week), and a time zone such as `Europe/Luxembourg` may follow
    `at`: there is `every` already; keep one of them
    `timeout`: `500000000000 years` is not a time longer than nothing and up to a year, such as "30s"
    `expect.wat`: unknown key; there are: exit, matches, contains, equals, json, perfdata
    `expect.exit`: `"zero"` is not an exit code, 0 to 255 (invalid type: string "zero", expected i64)
    `expect.matches`: `(` is no expression: error: unclosed group
    `expect.json`: `1` is not a table of JSON pointers and values (invalid type: integer `1`, expected a map)
    `expect.perfdata.load`: `x` is not a range such as "0:80" or "10:"
    `parse`: `xml` is not one of raw, lines, json, nagios
    `type`: `7` is not text such as "open-ports" (invalid type: integer `7`, expected a string)
    `max_output`: `100000` is more than a message carries: 98304
    "#);
}

#[test]
fn a_check_needs_one_subject() {
    let told = |text| told(check::SETTINGS, check::Settings::read, text);
    assert_snapshot!(told(""), @r#"`command`: missing, and no `check` either; for example `command = ["ss", "-ltn"]`"#);
    assert_snapshot!(told("command = [\"true\"]\ncheck = { tcp = \"a:1\" }"), @"`check`: there is a `command` already; keep one of the two");
    assert_snapshot!(told("command = [\" \"]"), @r#"`command`: names no program; it should be a list of a program and its arguments, such as ["ss", "-ltn"]"#);
    assert_snapshot!(told("check = {}"), @"`check.http`: exactly one of `http`, `tcp` and `tls` must be there");
    assert_snapshot!(told("check = { tcp = \"a:1\", tls = \"b:2\" }"), @"`check.http`: exactly one of `http`, `tcp` and `tls` must be there");
    assert_snapshot!(told("check = { http = \"ftp://a\", status = \"ok\", wat = 1 }"), @r#"
    `check.wat`: unknown key; there are: http, status, tcp, tls, days
    `check.http`: `ftp://a` is not a URL that starts with http:// or https://
    `check.status`: `"ok"` is not a status such as 200 (invalid type: string "ok", expected u16)
    "#);
    assert_snapshot!(told("check = { tls = \"example.org\", days = -1 }"), @r#"
    `check.tls`: `example.org` is not a host and port such as "example.org:443"
    `check.days`: `-1` is not a number of days (invalid value: integer `-1`, expected u32)
    "#);
}

#[test]
fn an_expectation_that_can_never_hold_is_told() {
    let text = r#"
        check = { tcp = "127.0.0.1:22" }
        expect = { exit = 0, json = { "/a" = 1 }, perfdata = { load = "0:1" } }
    "#;
    assert_snapshot!(told(check::SETTINGS, check::Settings::read, text), @r#"
    `expect.exit`: a built-in `check` has no exit code
    `expect.json`: needs parse = "json"
    `expect.perfdata`: needs parse = "nagios"
    "#);
}

#[test]
fn an_anchor_tells_every_wrong_setting() {
    let told = |text| told(anchor::SETTINGS, anchor::Settings::read, text);
    assert_snapshot!(told("wat = 1"), @r#"
    `wat`: unknown key; there are: url, anchor, authority, interval, policies, extra, authorities, quorum, batch, gather
    `url`: missing; for example `url = "http://127.0.0.1:8000/tsr"`
    `anchor`: missing; for example `anchor = "tsa/authority.pem"`
    "#);
    let text = "url = 1\nauthority = 2\ninterval = \"soon\"\nanchor = \"no/such.pem\"";
    assert_snapshot!(told(text), @r#"
    `url`: `1` is not a URL that starts with http:// or https:// (invalid type: integer `1`, expected a string)
    `authority`: `2` is not text (invalid type: integer `2`, expected a string)
    `interval`: `soon` is not a time such as "15s"
    `anchor`: cannot read `no/such.pem`: No such file or directory (os error 2)
    "#);
    assert_snapshot!(told("url = \"http://127.0.0.1/tsr\"\nanchor = \"/dev/null\""), @"`anchor`: `/dev/null`: no certificate for `tsa`; expected PEM with `-----BEGIN CERTIFICATE-----`");
}

#[test]
fn a_forwarder_tells_every_wrong_setting() {
    let told = |text| told(forward::SETTINGS, forward::Settings::read, text);
    assert_snapshot!(told("wat = 1"), @r#"
    `wat`: unknown key; there are: api, token_file
    `api`: missing; for example `api = "http://127.0.0.1:8000"`
    `token_file`: missing; for example `token_file = "secrets/aggregator.token"`
    "#);
    assert_snapshot!(told("api = \"mailto:a@b\"\ntoken_file = \"no/such.token\""), @r#"
    `api`: `mailto:a@b` is not a URL such as "http://127.0.0.1:8000"
    `token_file`: cannot read `no/such.token`: No such file or directory (os error 2)
    "#);
}

#[test]
fn a_heartbeat_tells_every_wrong_setting() {
    let told = |text| told(heartbeat::SETTINGS, heartbeat::Settings::read, text);
    assert_snapshot!(told("every = \"10ms\"\nwat = 1"), @r#"
    `wat`: unknown key; there are: every
    `every`: `10ms` is not a time of a second or more, such as "10s"
    "#);
}

#[test]
fn a_registrar_tells_every_wrong_setting() {
    let told = |text| told(register::SETTINGS, register::Settings::read, text);
    assert_snapshot!(told("members = \"all\"\nwat = 1"), @r#"
    `wat`: unknown key; there are: members
    `members`: `"all"` is not a list of JIDs (invalid type: string "all", expected a sequence)
    "#);
}
