//! Machines that nobody thought of.

use super::*;

/// Numbers that look as if by chance, and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const WORDS: [&str; 4] = ["a", "b", "c", "d"];

fn way(chance: &mut Chance, states: u64) -> String {
    let word = |chance: &mut Chance| WORDS[usize::try_from(chance.below(4)).unwrap()];
    let event = match chance.below(8) {
        0 => format!("after = \"{}s\"", 1 + chance.below(20)),
        1 => format!("every = \"{}s\"", 1 + chance.below(9)),
        2 => format!("message = 'body=\"{}\"', when = \"n >= {}\"", word(chance), chance.below(5)),
        3 => format!("message = 'body=\"{}\"', when = \"n < {}\"", word(chance), chance.below(5)),
        4 => format!("when = \"n == {}\"", chance.below(9)),
        5 => "otherwise = true".to_owned(),
        6 => "message = 'performative=inform'".to_owned(),
        _ => format!("message = 'body=\"{}\"'", word(chance)),
    };
    let act = match chance.below(4) {
        0 => "\"n += 1\"",
        1 => "\"n = 0\"",
        2 => "{ log = \"{n} {state}\" }",
        _ => "{ keep = \"it\", text = \"{n}\" }",
    };
    let go = chance.below(states + 1);
    let go = if go == states { String::new() } else { format!(", go = \"s{go}\"") };
    format!("{{ {event}, do = [{act}]{go} }}")
}

fn machine(chance: &mut Chance) -> String {
    let states = 1 + chance.below(4);
    let state = |number| {
        let ways: Vec<String> = (0..chance.below(4)).map(|_| way(chance, states)).collect();
        let ways = ways.join(", ");
        let rest =
            if ways.is_empty() { "final = true".to_owned() } else { format!("on = [{ways}]") };
        format!("[state.s{number}]\n{rest}\n")
    };
    let states: String = (0..states).map(state).collect();
    format!("variables = {{ n = 0 }}\n{states}")
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_passes_makes_no_move_that_it_does_not_declare() {
    let mut chance = Chance(7);
    let (mut ran, mut moved) = (0, 0);
    for _ in 0..500 {
        let text = machine(&mut chance);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &text);
        if !told(folder.path()).is_empty() {
            continue;
        }
        let world = world(&text);
        for _ in 0..10 {
            let body = WORDS[usize::try_from(chance.below(4)).unwrap()];
            world.say(Performative::Inform, body);
            pass(chance.below(5)).await;
        }
        let report = world.machine.report();
        if let Phase::Ended(exit) = &report.phase {
            let circle = matches!(exit, Exit::Failed(why) if why.contains("without waiting"));
            assert!(circle || *exit == Exit::Done, "{exit:?}\n{text}");
        }
        let drawn = world.machine.diagram();
        assert!(drawn.states.iter().any(|it| it.name == report.state), "{text}");
        ran += 1;
        moved += usize::from(report.steps > 1);
        world.agent.shutdown().await;
    }
    assert!(ran > 100 && moved > 50, "{ran} ran, {moved} moved");
}

fn told(folder: &Path) -> String {
    files::told_in(folder, "file = \"door.toml\"")
}
