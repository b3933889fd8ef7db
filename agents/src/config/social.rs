//! How an agent gets on with others: who may ask it, who may see it, and how it is seen.

use std::collections::BTreeMap;

use behaviours::chat::Operators;
use registry::Subscriptions;
use runtime::{Fields, Mood, Setting};
use types::Show;

/// The longest status, in characters.
const STATUS: usize = 200;

const PRESENCE: &[Setting] = &[
    Setting {
        key: "show",
        about: "how available: chat, available, away, xa, dnd",
        example: "show = \"chat\"",
        required: false,
    },
    Setting {
        key: "status",
        about: "in its own words",
        example: "status = \"watches the door\"",
        required: false,
    },
    Setting {
        key: "priority",
        about: "which connection of an account is to be preferred, -128 to 127; 1 unless said \
                otherwise",
        example: "priority = 5",
        required: false,
    },
];

/// Who may ask for what. Every line that cannot be read is told.
pub(super) fn operators(fields: &mut Fields<'_>) -> Operators {
    let mut operators = Operators::default();
    let right = "a table of accounts and rights, such as { \"ops@vedette.local\" = \"control\" }";
    let table: BTreeMap<String, String> = fields.take("operators", right).unwrap_or_default();
    for (account, right) in table {
        if let Err(error) = operators.add(&account, &right) {
            fields.complain(&format!("operators.{account}"), error.to_string());
        }
    }
    operators
}

/// How it is seen.
pub(super) fn mood(fields: &mut Fields<'_>) -> Mood {
    let usual = Mood::default();
    let Some(table) = fields.table("presence") else { return usual };
    let path = fields.path("presence");
    let mut fields = Fields::new(&path, table, PRESENCE, fields.problems());
    let shows = "one of chat, available, away, xa, dnd";
    let show = fields.parse("show", shows, |text| match text {
        "chat" => Some(Show::Chat),
        "available" => Some(Show::Available),
        "away" => Some(Show::Away),
        "xa" => Some(Show::Xa),
        "dnd" => Some(Show::Dnd),
        _ => None,
    });
    let status = fields.parse("status", "text of up to 200 characters", |text| {
        (text.chars().count() <= STATUS).then(|| text.to_owned())
    });
    let priority = fields.take("priority", "a number from -128 to 127");
    Mood {
        show: show.unwrap_or(usual.show),
        status,
        priority: priority.unwrap_or(usual.priority),
        ..usual
    }
}

/// Who may see it without being asked about.
pub(super) fn policy(text: &str) -> Option<Subscriptions> {
    match text {
        "contacts" => Some(Subscriptions::Contacts),
        "domain" => Some(Subscriptions::Domain),
        "ask" => Some(Subscriptions::Ask),
        _ => None,
    }
}
