//! What is wrong with a file, in words.

use insta::assert_snapshot;
use runtime::Fields;

use super::*;

pub(super) fn told_in(folder: &Path, text: &str) -> String {
    let mut problems = Vec::new();
    let table = text.parse().unwrap();
    let mut fields = Fields::new("behaviour[1]", table, SETTINGS, &mut problems).in_folder(folder);
    let settings = Settings::read(&mut fields);
    assert_eq!(settings.is_some(), problems.is_empty());
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What is told of a machine in a file.
fn told(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), text);
    told_in(folder.path(), "file = \"door.toml\"")
}

/// What is told of a state of a machine.
fn state(text: &str) -> String {
    told(&format!(
        "variables = {{ n = 0, who = \"\", armed = false }}\n[state.a]\n{text}\n[state.b]\nfinal = true"
    ))
}

#[test]
fn a_machine_is_in_a_file_or_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let told = |text: &str| told_in(folder.path(), text);
    assert_snapshot!(told(""), @r#"`behaviour[1].file`: missing, and no `machine` either; for example `file = "machines/door.toml"`"#);
    assert_snapshot!(told("file = \"door.toml\"\nmachine = {}"), @"`behaviour[1].machine`: there is a `file` already; keep one of the two");
    assert_snapshot!(told("file = \"door.toml\""), @"`door.toml`: cannot be read: No such file or directory (os error 2)");
    assert_snapshot!(told("file = \".\""), @"`.`: cannot be read: it is no file");
    assert_snapshot!(told("[machine.state.a]\non = [{ after = \"1s\", go = \"b\" }]"), @"`behaviour[1].machine.state.a.on[1].go`: no state `b`; there are: a");
    assert_snapshot!(told("[machine.state.a]\nfinal = true"), @"");
}

#[test]
fn a_file_that_is_no_machine_at_all() {
    assert_snapshot!(told(" \n"), @"`door.toml`: is empty; a machine has at least one state, `[state.closed]`");
    assert_snapshot!(told("name = \"x\"\n[state"), @"`door.toml`: is not TOML: line 2: unclosed table, expected `]`");
    assert_snapshot!(told("name = \"x\""), @"`door.toml: state`: missing; for example `[state.closed]`");
    assert_snapshot!(told("[state]"), @"`door.toml: state`: there is none; for example `[state.closed]`");
    assert_snapshot!(told(&"#".repeat(1024 * 1024 + 1)), @"`door.toml`: cannot be read: it is larger than 1048576 bytes");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("door.toml"), [0xff, 0xfe]).unwrap();
    assert_snapshot!(told_in(folder.path(), "file = \"door.toml\""), @"`door.toml`: is no text in UTF-8");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    assert_snapshot!(told(r#"
        name = ""
        start = "c"
        remember = "yes"
        wat = 1
        variables = { "1x" = 1, body = 2, list = [1], far = inf }
        [state.a]
        wat = 1
        enter = ["n += 1", { wat = 1 }, { log = "{n}", level = "loud" }, { log = "x", send = "inform" }, 7]
        on = [{ after = "soon", go = "d" }, { after = "1s", every = "1s" }, { go = "a" }, { message = "performative=shout" }]
        [state.b]
        final = "yes"
    "#), @r#"
    `door.toml: wat`: unknown key; there are: name, about, start, remember, variables, state
    `door.toml: name`: `` is not a name of up to 64 bytes
    `door.toml: remember`: `"yes"` is not true or false (invalid type: string "yes", expected a boolean)
    `door.toml: variables.1x`: a variable is called by letters, digits and `_`, as in `opened`
    `door.toml: variables.body`: `body` means something else; call it otherwise
    `door.toml: variables.list`: `[1]` is neither a number, a text nor true or false
    `door.toml: variables.far`: `inf` is neither a number, a text nor true or false
    `door.toml: start`: no state `c`; there are: a, b
    `door.toml: state.a.wat`: unknown key; there are: about, enter, on, leave, final
    `door.toml: state.a.enter[1]`: no variable `n`; there are: none
    `door.toml: state.a.enter[2]`: no known action; there are: log, send, post, reply, keep, start, pause, resume, stop, presence
    `door.toml: state.a.enter[3].level`: `loud` is not one of debug, info, warn
    `door.toml: state.a.enter[3].log`: nothing is called `{n}`; there are: body, from, state, now
    `door.toml: state.a.enter[4]`: both `log` and `send`; write two actions
    `door.toml: state.a.enter[5]`: `7` is no action; write `"opened += 1"` or `{ log = "opened" }`
    `door.toml: state.a.on[1].after`: `soon` is not a time of a millisecond to a year, such as "30s"
    `door.toml: state.a.on[1].go`: no state `d`; there are: a, b
    `door.toml: state.a.on[2].every`: there is `after` already; keep one of the two
    `door.toml: state.a.on[3].message`: says not when; one of `message`, `after`, `every`, `at`, `schedule`, `when` and `otherwise` must be there
    `door.toml: state.a.on[4].message`: at character 19: no performative `shout`; FIPA has: accept-proposal, agree, cancel, cfp, confirm, disconfirm, failure, inform, inform-if, inform-ref, not-understood, propagate, propose, proxy, query-if, query-ref, refuse, reject-proposal, request, request-when, request-whenever, subscribe
    `door.toml: state.b.final`: `"yes"` is not true or false (invalid type: string "yes", expected a boolean)
    "#);
}

#[test]
fn an_action_says_what_it_lacks() {
    assert_snapshot!(state(r#"
        on = [{ message = "any", go = "b", do = [
            { send = "inform" },
            { send = "shout", to = "a@b" },
            { reply = "agree", to = "a@b" },
            { keep = "", fields = { x = [1], y = "{z}" } },
            { presence = "gone" },
            { log = "{" },
            { pause = 7 },
        ] }]
    "#), @r#"
    `door.toml: state.a.on[1].do[1].to`: missing; for example `to = "duty:aggregate"`
    `door.toml: state.a.on[1].do[2].send`: no performative `shout`; FIPA has: accept-proposal, agree, cancel, cfp, confirm, disconfirm, failure, inform, inform-if, inform-ref, not-understood, propagate, propose, proxy, query-if, query-ref, refuse, reject-proposal, request, request-when, request-whenever, subscribe
    `door.toml: state.a.on[1].do[3].to`: unknown key; there are: reply, body, ontology
    `door.toml: state.a.on[1].do[4].keep`: `` is not the type of an item, such as "door-opened"
    `door.toml: state.a.on[1].do[4].fields.x`: `[1]` is neither a number, a text nor true or false
    `door.toml: state.a.on[1].do[4].fields.y`: nothing is called `{z}`; there are: body, from, state, now, n, who, armed
    `door.toml: state.a.on[1].do[5].presence`: `gone` is not one of chat, available, away, dnd, xa
    `door.toml: state.a.on[1].do[6].log`: a brace stands alone; a brace itself is `{{` or `}}`
    `door.toml: state.a.on[1].do[7].pause`: `7` is not the name of a behaviour (invalid type: integer `7`, expected a string)
    "#);
}

#[test]
fn an_assignment_fits_its_variable() {
    assert_snapshot!(state(r#"
        on = [{ message = "any", go = "b", do = [
            "n", "m += 1", "n = \"x\"", "who += 1", "armed = 1", "n = armed", "n == 1", "who = \"{x}\"",
            "n = {body}", "who = \"by {from}\"", "armed = true", "n -= n",
        ] }]
    "#), @r#"
    `door.toml: state.a.on[1].do[1]`: `n` changes no variable; write `opened = 0`, `opened += 1` or `opened -= 1`
    `door.toml: state.a.on[1].do[2]`: no variable `m`; there are: n, who, armed
    `door.toml: state.a.on[1].do[3]`: `n` is a number, and `"x"` is a text
    `door.toml: state.a.on[1].do[4]`: `who` is a text; only numbers are added up
    `door.toml: state.a.on[1].do[5]`: `armed` is true or false, and `1` is a number
    `door.toml: state.a.on[1].do[6]`: `n` is a number, and `armed` is true or false
    `door.toml: state.a.on[1].do[7]`: `n == 1` changes no variable; write `opened = 0`, `opened += 1` or `opened -= 1`
    `door.toml: state.a.on[1].do[8]`: nothing is called `{x}`; there are: body, from, state, now, n, who, armed
    "#);
}

#[test]
fn a_state_that_nothing_leads_to() {
    assert_snapshot!(told("[state.a]\non = [{ after = \"1s\", go = \"a\" }]\n[state.b]\nfinal = true"), @"`door.toml: state.b`: nothing leads here from the start");
}

#[test]
fn a_state_without_a_way_out_is_final_and_a_final_one_has_none() {
    assert_snapshot!(state("on = [{ after = \"1s\", go = \"b\" }, { after = \"2s\", go = \"c\" }]\n[state.c]\nabout = \"stuck\""), @"`door.toml: state.c`: nothing leads on from it; where it ends here, say `final = true`");
    assert_snapshot!(state("final = true\non = [{ after = \"1s\", go = \"b\" }]"), @"`door.toml: state.a`: it is final, so nothing leads on from it; leave out `on`");
    assert_snapshot!(state("on = [{ message = \"any\", go = \"b\" }, { after = \"1s\", go = \"c\" }]\n[state.c]\non = [{ after = \"1s\" }]"), @"`door.toml: state.c`: nothing leads on from it once its times have passed; `go` is missing");
}

#[test]
fn ways_between_which_nobody_could_decide() {
    assert_snapshot!(state(r#"on = [
        { message = 'body~"open*"', go = "b" },
        { message = 'performative=request', go = "a" },
        { after = "1m" , go = "b" },
        { after = "60s" , go = "a" },
    ]"#), @r"
    `door.toml: state.a.on[2]`: may be taken by the same message as `on[1]`; tell them apart by `when`, or make one `otherwise`
    `door.toml: state.a.on[4]`: comes after the same time as `on[3]`; tell them apart by `when`, or make one `otherwise`
    ");
    assert_snapshot!(state(r#"on = [
        { message = 'body~"open*"', when = "n < 3", go = "b" },
        { message = 'body~"o*"', when = "n >= 3", go = "a" },
        { message = 'body~"*"', otherwise = true, go = "a" },
        { otherwise = true, go = "b" },
    ]"#), @"");
    assert_snapshot!(state(r#"on = [
        { every = "1m", go = "b" }, { every = "60s" },
        { schedule = "* * * * *", go = "b" }, { schedule = "* * * * *" },
        { at = "2026-12-01T00:00:00Z", go = "b" }, { at = "2026-12-01T00:00:00Z" },
        { otherwise = true, go = "b" }, { otherwise = true, go = "a" },
    ]"#), @r"
    `door.toml: state.a.on[2]`: comes as often as `on[1]`; tell them apart by `when`, or make one `otherwise`
    `door.toml: state.a.on[4]`: comes by the same calendar as `on[3]`; tell them apart by `when`, or make one `otherwise`
    `door.toml: state.a.on[6]`: comes at the same time as `on[5]`; tell them apart by `when`, or make one `otherwise`
    `door.toml: state.a.on[8]`: is taken by the same messages as `on[7]`; tell them apart by `when`, or make one `otherwise`
    ");
}

#[test]
fn questions_of_variables_are_complete() {
    assert_snapshot!(state("on = [{ when = \"n > 3\", go = \"b\" }]"), @"`door.toml: state.a`: where no `when` holds nothing leads on from it; add `{ otherwise = true, go = … }`");
    assert_snapshot!(state("on = [{ when = \"n > 3\", go = \"b\" }, { when = \"n > 2\", go = \"a\" }, { otherwise = true, go = \"a\" }]"), @"`door.toml: state.a.on[2]`: may hold at the same time as `on[1]`; tell them apart by `when`, or make one `otherwise`");
    assert_snapshot!(state("on = [{ when = \"n > 3\" }, { otherwise = true, go = \"b\" }, { after = \"1s\", go = \"b\" }]"), @r"
    `door.toml: state.a`: with `otherwise` after `when` alone it never waits, and its other ways are never taken
    `door.toml: state.a`: what is done at once must lead somewhere; `go` is missing
    ");
    assert_snapshot!(state("on = [{ after = \"1s\", otherwise = true, go = \"b\" }, { message = \"any\", when = \"n > \", otherwise = true, go = \"a\" }]"), @r"
    `door.toml: state.a.on[1].otherwise`: a time is waited for by itself; `otherwise` goes with messages and `when`
    `door.toml: state.a.on[2].when`: no variable ``; there are: n, who, armed
    `door.toml: state.a.on[2].otherwise`: there is a `when` already; keep one of the two
    ");
}

#[test]
fn an_answer_needs_somebody_who_asked() {
    assert_snapshot!(state(r#"
        enter = [{ reply = "agree" }]
        on = [{ after = "1s", go = "b", do = [{ log = "{body}" }] }]
    "#), @r"
    `door.toml: state.a.enter[1]`: no message came before this; `reply`, `{body}` and `{from}` are about the message that was heard last
    `door.toml: state.a.on[1].do[1]`: no message came before this; `reply`, `{body}` and `{from}` are about the message that was heard last
    ");
    assert_snapshot!(state(r#"on = [{ message = "any", go = "c" }]
        [state.c]
        enter = [{ reply = "agree" }]
        on = [{ after = "1s", go = "b", do = [{ reply = "inform" }] }]
    "#), @"");
}

#[test]
fn sizes_have_a_bound() {
    let many = |count: usize, one: fn(usize) -> String| (0..count).map(one).collect::<String>();
    assert_snapshot!(told(&many(257, |it| format!("[state.s{it}]\nfinal = true\n"))), @"`door.toml: state`: 257 states; there may be 256");
    let ways = many(65, |it| format!("{{ after = \"{it}s\", go = \"b\" }},"));
    assert_snapshot!(state(&format!("on = [{ways}]")), @"`door.toml: state.a.on`: 65 of them; there may be 64");
    let actions = many(33, |_| "\"n += 1\",".to_owned());
    assert_snapshot!(state(&format!("on = [{{ after = \"1s\", go = \"b\", do = [{actions}] }}]")), @"`door.toml: state.a.on[1].do`: 33 of them; there may be 32");
    let variables = many(65, |it| format!("v{it} = 0\n"));
    assert_snapshot!(told(&format!("[variables]\n{variables}[state.a]\nfinal = true")), @"`door.toml: variables`: 65 of them; there may be 64");
    assert!(
        told(&format!("x = {}1{}", "[".repeat(5_000), "]".repeat(5_000))).contains("is not TOML")
    );
}
