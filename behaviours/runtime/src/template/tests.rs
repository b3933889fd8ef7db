//! What templates match, how they are written, and when they overlap.

use super::*;
use crate::Chain;

fn message() -> Message {
    let mut message = Message::text(Performative::Inform, "b@test", "open the door")
        .with(Slot::Ontology, "finding")
        .in_conversation("c1")
        .with(Slot::Other("mood".into()), "good");
    message.from = Some("a@test/1".into());
    message
}

fn glob(source: &str) -> Pattern {
    Pattern::glob(source).unwrap()
}

fn parse(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|error| panic!("{text}: {}", Chain(&error)))
}

#[test]
fn conditions_combine() {
    let inform = || Template::from(Performative::Inform);
    let check = |template: Template, expected| {
        assert_eq!(template.matches(&message()), expected, "{template}");
    };
    check(inform() & Template::ontology("finding"), true);
    check(inform() & Template::ontology("other"), false);
    check(Template::from(Performative::Agree) | Template::From("a@test".into()), true);
    check(!Template::From("a@test/2".into()), true);
    check(Template::default(), false);
    check(inform() ^ Template::ontology("finding"), false);
    check(inform() ^ Template::ontology("other"), true);
    check(Template::None ^ Template::None, false);
    check(Template::body(glob("open*")), true);
    check(Template::body("open"), false);
    check(Template::thread("c1"), true);
    check(Template::slot(Slot::from("mood"), Pattern::regex("^g").unwrap()), true);
    check(Template::slot(Slot::from("mood"), "bad"), false);
    check(Template::slot(Slot::Protocol, glob("*")), false);
    check(Template::has(Slot::from("mood")), true);
    check(Template::has(Slot::ReplyBy), false);
    check(Template::to("b@test"), true);
    check(Template::to("a@test"), false);
    check(Template::from_like(glob("*@test")), true);
    check(Template::from_like(glob("*/1")), false);
    check(Template::from_like("a@test/1"), true);
}

#[test]
fn what_a_file_says_is_read_with_its_precedence() {
    let inform = || Template::from(Performative::Inform);
    let (a, b, c) = (Template::ontology("a"), Template::ontology("b"), Template::ontology("c"));
    let check = |text: &str, expected: &Template| assert_eq!(parse(text), *expected, "{text}");
    check("performative=inform", &inform());
    check(" performative = INFORM ", &inform());
    let both = a.clone() & b.clone();
    check("ontology=a&ontology=b", &both);
    check("ontology=a & ontology=b | ontology=c", &(both.clone() | c.clone()));
    check("ontology=a | ontology=b ^ ontology=c", &(a.clone() | (b.clone() ^ c.clone())));
    check("ontology=a ^ ontology=b & ontology=c", &(a.clone() ^ (b.clone() & c)));
    check("!ontology=a & ontology=b", &(!a.clone() & b));
    check("!(ontology=a & ontology=b)", &!both);
    check("(ontology=a)", &a);
    check("thread=x", &Template::thread("x"));
    check("conversation-id=x", &Template::thread("x"));
    check("mood", &Template::has(Slot::from("mood")));
    check("slot:body=x", &Template::slot(Slot::Other("body".into()), "x"));
    check(r#"slot:"a b"~x*"#, &Template::slot(Slot::Other("a b".into()), glob("x*")));
    check(r#"body="say \"no\" \\ \d""#, &Template::body(r#"say "no" \ \d"#));
    check(r"body=/a\/b\//", &Template::body(Pattern::regex("a/b/").unwrap()));
    check("from=a@test/1", &Template::From("a@test/1".into()));
    check("from~*@test", &Template::FromLike(glob("*@test")));
    check("to=a@test", &Template::to("a@test"));
    check("any & !none", &(Template::Any & !Template::None));
    let long =
        r#"performative=request & ontology=door & !from=a@test & (body~"open*" | body=/^shut/)"#;
    assert_eq!(parse(long).to_string(), long);
    assert_eq!(serde_json::from_str::<Template>("\"ontology=a\"").unwrap(), a);
}

#[test]
fn a_bad_text_is_told_where_and_what_would_be_right() {
    let texts = [
        "",
        "performative=demand",
        "performative~request",
        "performative",
        "to~a*",
        "from",
        "ontology=",
        "ontology=a ontology=b",
        "ontology=a &",
        "ü & (ontology=a",
        "(ontology=a = b)",
        "body=\"open",
        "body=/open",
        "body~[a",
        "body=/(/",
        "slot:=x",
        "=x",
        ")",
    ];
    let told: Vec<String> = texts
        .iter()
        .map(|text| format!("{text} => {}", Chain(&Template::parse(text).unwrap_err())))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
     => at character 1: the end where a condition such as `performative=request`, `!` or `(` should be
    performative=demand => at character 20: no performative `demand`; FIPA has: accept-proposal, agree, cancel, cfp, confirm, disconfirm, failure, inform, inform-if, inform-ref, not-understood, propagate, propose, proxy, query-if, query-ref, refuse, reject-proposal, request, request-when, request-whenever, subscribe
    performative~request => at character 13: `performative` is compared with `=` and one value only, as in `performative=request`
    performative => at character 13: `performative` is compared with `=` and one value only, as in `performative=request`
    to~a* => at character 3: `to` is compared with `=` and one value only, as in `to=a@example.org`
    from => at character 5: the end where `=` or `~` should be
    ontology= => at character 10: the end where a value, as in `ontology=door` or `body~"open*"` should be
    ontology=a ontology=b => at character 12: `o` where `&`, `^`, `|` or the end should be
    ontology=a & => at character 13: the end where a condition such as `performative=request`, `!` or `(` should be
    ü & (ontology=a => at character 16: `)` is missing
    (ontology=a = b) => at character 13: `=` where `&`, `^`, `|` or `)` should be
    body="open => at character 11: `"` is missing
    body=/open => at character 11: `/` is missing
    body~[a => at character 8: `[a` is no glob: `[` without `]`; a bracket itself is `\[`
    body=/(/ => at character 9: `(` is no regular expression to be used here: regex parse error:
        (
        ^
    error: unclosed group
    slot:=x => at character 6: `=` where a condition such as `performative=request`, `!` or `(` should be
    =x => at character 1: `=` where a condition such as `performative=request`, `!` or `(` should be
    ) => at character 1: `)` where a condition such as `performative=request`, `!` or `(` should be
    "#);
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = |n: usize| format!("{}any{}", "(".repeat(n), ")".repeat(n));
    assert!(Template::parse(&deep(50)).is_ok());
    assert!(Template::parse(&deep(52)).is_err());
    assert!(Template::parse(&format!("{}any", "!".repeat(5_000))).is_err());
    assert!(Template::parse(&"any&".repeat(5_000)).is_err());
    let wide = format!("{}any", "any ^ ".repeat(1_000));
    assert_eq!(Template::parse(&wide).unwrap_err().to_string(), "at character 306");
}

/// A sequence of numbers that looks random and is always the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn text(&mut self) -> String {
        const LETTERS: [char; 19] = [
            'a', 'b', '*', '?', '/', '\\', '"', ' ', '&', '!', '(', ')', '=', '~', '^', '|', 'ü',
            ':', '\n',
        ];
        (0..self.roll(5)).map(|_| LETTERS[self.roll(LETTERS.len())]).collect()
    }

    fn pattern(&mut self) -> Pattern {
        loop {
            let text = self.text();
            let pattern = match self.roll(3) {
                0 => Ok(Pattern::exact(text)),
                1 => Pattern::glob(&text),
                _ => Pattern::regex(&text),
            };
            if let Ok(pattern) = pattern {
                return pattern;
            }
        }
    }

    fn slot(&mut self) -> Slot {
        match self.roll(4) {
            0 => Slot::Ontology,
            1 => Slot::ConversationId,
            2 => Slot::from(["any", "none", "body", "slot:x", "thread", "mood"][self.roll(6)]),
            _ => Slot::from(&*self.text()),
        }
    }

    fn template(&mut self, depth: usize) -> Template {
        let several = |dice: &mut Self| {
            (0..2 + dice.roll(2)).map(|_| dice.template(depth - 1)).collect::<Vec<_>>()
        };
        match self.roll(if depth == 0 { 8 } else { 12 }) {
            0 => Template::Any,
            1 => Template::None,
            2 => Performative::ALL[self.roll(22)].into(),
            3 => Template::slot(self.slot(), self.pattern()),
            4 => Template::Has(self.slot()),
            5 => Template::body(self.pattern()),
            6 => Template::from_like(self.pattern()),
            7 => Template::to(self.text()),
            8 => Template::All(several(self)),
            9 => Template::Either(several(self)),
            10 => self.template(depth - 1) ^ self.template(depth - 1),
            _ => !self.template(depth - 1),
        }
    }
}

#[test]
fn whatever_is_written_is_read_back_equal() {
    let mut dice = Dice(1);
    for _ in 0..5_000 {
        let template = dice.template(3);
        let text = template.to_string();
        assert_eq!(parse(&text), template, "{text}");
    }
}

#[test]
fn no_text_makes_the_reader_panic() {
    let mut dice = Dice(2);
    for _ in 0..5_000 {
        let text: String = (0..10).map(|_| dice.text()).collect();
        drop(Template::parse(&text));
    }
}

#[test]
fn templates_that_are_apart_are_known_to_be() {
    let apart = [
        ("performative=inform", "performative=agree"),
        ("performative=inform", "!performative=inform"),
        ("any", "none"),
        ("ontology=a", "ontology=b & performative=inform"),
        ("ontology=a", "!ontology"),
        ("ontology~a*", "ontology~b*"),
        ("ontology~a*", "!ontology~*"),
        ("ontology=ab", "!ontology~a*"),
        ("ontology=a | ontology=b", "ontology=c"),
        ("ontology=a ^ ontology=a", "any"),
        ("performative=inform ^ ontology=a", "performative=inform & ontology=a"),
        ("from=a@test", "from=b@test"),
        ("from=a@test/1", "from=a@test/2"),
        ("from=a@test/1", "!from=a@test"),
        ("from=a@test/1", "from~b*"),
        ("from=a@test/1", "!from~a*"),
        ("to=a@test", "to=b@test"),
        ("body~a*", "body~b*"),
        ("body=ab", "!body=/a/"),
        ("!body~*", "any"),
        ("body=/a/", "!body=/a/"),
        ("mood=good", "mood=bad"),
        ("!(ontology=a | ontology=b)", "ontology=a"),
    ];
    for (one, other) in apart {
        assert!(!parse(one).may_overlap(&parse(other)), "{one} / {other}");
        assert!(!parse(other).may_overlap(&parse(one)), "{other} / {one}");
    }
}

#[test]
fn templates_that_may_overlap_are_never_said_to_be_apart() {
    let meeting = [
        ("performative=inform", "ontology=a"),
        ("performative=inform", "any"),
        ("!performative=inform", "!performative=agree"),
        ("from=a@test", "from=a@test/1"),
        ("from=a@test", "!from=a@test/1"),
        ("ontology=a", "protocol=b"),
        ("ontology", "ontology=a"),
        ("body~a*", "body~*b"),
        ("body=/^a/", "body=/^b/"),
        ("mood ^ ontology", "mood"),
    ];
    for (one, other) in meeting {
        assert!(parse(one).may_overlap(&parse(other)), "{one} / {other}");
    }
    let mut dice = Dice(3);
    for _ in 0..5_000 {
        let (one, other) = (dice.template(3), dice.template(3));
        if !one.may_overlap(&other) {
            let mut message = message();
            for _ in 0..10 {
                message.set(dice.slot(), dice.text());
                message.body = dice.text().into();
                message.to = Address::Agent(dice.text().into());
                message.from = Some(dice.text().into());
                let both = one.matches(&message) && other.matches(&message);
                assert!(!both, "{one} / {other} on {message:?}");
            }
        }
    }
}

#[test]
fn too_many_cases_may_overlap() {
    let wide = (0..12).fold(Template::Any, |all, n| {
        all & (Template::ontology(&n.to_string()) ^ Template::body(n.to_string().as_str()))
    });
    assert!(wide.may_overlap(&Template::Any));
}
