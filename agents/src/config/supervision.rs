//! When a behaviour is started again, as a file says it: a word, or a table with bounds.

use std::time::Duration;

use runtime::{Fields, Restart, Setting, Supervision};

/// The longest time that can be set.
const LONGEST: Duration = Duration::from_hours(24);

const SETTINGS: &[Setting] = &[
    Setting {
        key: "when",
        about: "after which ends: never, on-failure, always",
        example: "when = \"always\"",
        required: true,
    },
    Setting {
        key: "limit",
        about: "how many restarts within `window` are too many; 5 unless said otherwise",
        example: "limit = 5",
        required: false,
    },
    Setting {
        key: "window",
        about: "over what time they count; 1m unless said otherwise",
        example: "window = \"1m\"",
        required: false,
    },
    Setting {
        key: "pause",
        about: "how long to wait before each; 1s unless said otherwise",
        example: "pause = \"1s\"",
        required: false,
    },
];

/// Reads `restart`.
pub(super) fn read(fields: &mut Fields<'_>) -> Supervision {
    let right =
        "one of never, on-failure, always, or a table such as { when = \"always\", limit = 5 }";
    let usual = Supervision::default();
    let value: Option<toml::Value> = fields.take("restart", right);
    match value {
        None => usual,
        Some(toml::Value::String(word)) => {
            let restart = named(&word);
            if restart.is_none() {
                fields.complain("restart", format!("`{word}` is not {right}"));
            }
            restart.map_or(usual, Supervision::from)
        }
        Some(toml::Value::Table(table)) => bounded(fields, table),
        Some(other) => {
            fields.complain("restart", format!("`{other}` is not {right}"));
            usual
        }
    }
}

fn bounded(fields: &mut Fields<'_>, table: toml::Table) -> Supervision {
    let usual = Supervision::default();
    let path = fields.path("restart");
    let mut fields = Fields::new(&path, table, SETTINGS, fields.problems());
    let restart = fields.parse("when", "one of never, on-failure, always", named);
    let limit = fields.take("limit", "a number of restarts");
    let mut time = |key| {
        fields.parse(key, "a time of up to a day, such as \"1m\"", |text| {
            humantime::parse_duration(text).ok().filter(|it| *it <= LONGEST)
        })
    };
    let (window, pause) = (time("window"), time("pause"));
    Supervision {
        restart: restart.unwrap_or(usual.restart),
        limit: limit.unwrap_or(usual.limit),
        window: window.unwrap_or(usual.window),
        pause: pause.unwrap_or(usual.pause),
    }
}

fn named(word: &str) -> Option<Restart> {
    match word {
        "never" => Some(Restart::Never),
        "on-failure" => Some(Restart::OnFailure),
        "always" => Some(Restart::Always),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(text: &str) -> (Supervision, Vec<String>) {
        let known = [Setting { key: "restart", about: "", example: "", required: false }];
        let mut problems = Vec::new();
        let table = text.parse().unwrap();
        let supervision = read(&mut Fields::new("behaviour[1]", table, &known, &mut problems));
        (supervision, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_word_or_a_table_says_when() {
        assert_eq!(read_from("restart = \"never\"").0.restart, Restart::Never);
        let (rule, problems) = read_from(
            "restart = { when = \"always\", limit = 3, window = \"10m\", pause = \"5s\" }",
        );
        assert_eq!(problems, Vec::<String>::new());
        let expected = Supervision {
            restart: Restart::Always,
            limit: 3,
            window: Duration::from_mins(10),
            pause: Duration::from_secs(5),
        };
        assert_eq!(rule, expected);
    }

    #[test]
    fn what_is_neither_is_told() {
        assert_eq!(read_from("restart = 7").1.len(), 1);
        assert_eq!(read_from("restart = \"perhaps\"").1.len(), 1);
        let (_, problems) = read_from("restart = { limit = -1, pause = \"1 year\", wat = 1 }");
        assert_eq!(problems.len(), 4, "{problems:?}");
    }
}
