//! What can be set in the file of an agent.

use runtime::Setting;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "role",
        about: "what it is for: probe, aggregator or registrar",
        example: "role = \"probe\"",
        required: true,
    },
    Setting {
        key: "jid",
        about: "its account",
        example: "jid = \"probe1@vedette.local\"",
        required: true,
    },
    Setting {
        key: "password_file",
        about: "the file that holds the password of its account",
        example: "password_file = \"secrets/probe1\"",
        required: true,
    },
    Setting {
        key: "server",
        about: "host and port of the XMPP server; without it, what the domain's SRV records say",
        example: "server = \"127.0.0.1:5222\"",
        required: false,
    },
    Setting {
        key: "ca",
        about: "PEM file of who vouches for the server; without it, the public authorities",
        example: "ca = \"secrets/xmpp-ca.pem\"",
        required: false,
    },
    Setting {
        key: "reports_to",
        about: "to whom it reports; `duty:aggregate` unless said otherwise",
        example: "reports_to = \"duty:aggregate\"",
        required: false,
    },
    Setting {
        key: "registrar",
        about: "who keeps the directory; `registry` at its own domain unless said otherwise",
        example: "registrar = \"registry@vedette.local\"",
        required: false,
    },
    Setting {
        key: "contacts",
        about: "who else may see its presence",
        example: "contacts = [\"operator@vedette.local\"]",
        required: false,
    },
    Setting {
        key: "subscriptions",
        about: "who else may see its presence: contacts (nobody), domain (everybody of its own), \
                or ask (whom an operator approves), which is the usual",
        example: "subscriptions = \"domain\"",
        required: false,
    },
    Setting {
        key: "operators",
        about: "who may ask it how it is (ask), or have it run and pause what it does (control)",
        example: "operators = { \"ops@vedette.local\" = \"control\", \"*@vedette.local\" = \"ask\" }",
        required: false,
    },
    Setting {
        key: "presence",
        about: "how it is seen: show (chat, available, away, xa, dnd), status, priority",
        example: "presence = { show = \"chat\", status = \"ready\", priority = 5 }",
        required: false,
    },
    Setting {
        key: "duties",
        about: "what else others may ask it to do, beside what its role does",
        example: "duties = [\"open-doors\"]",
        required: false,
    },
    Setting {
        key: "wants",
        about: "which duties it may have to find somebody for, beside whom it reports to",
        example: "wants = [\"open-doors\"]",
        required: false,
    },
    Setting {
        key: "pubsub",
        about: "where it publishes and follows artifacts (XEP-0060); `pubsub.` and its domain \
                unless said otherwise",
        example: "pubsub = \"pubsub.vedette.local\"",
        required: false,
    },
    Setting {
        key: "labels",
        about: "what its operator calls it by",
        example: "labels = { site = \"lux1\", net = \"dmz\" }",
        required: false,
    },
    Setting {
        key: "state",
        about: "the folder of its state on disk; `state` beside the file unless said otherwise",
        example: "state = \"/var/lib/vedette\"",
        required: false,
    },
    Setting {
        key: "trust",
        about: "whom it believes: the key that the registry signs its list of members with, as \
                `vedette join` writes it; without it the agent is enrolled nowhere",
        example: "trust = { registry = \"…64 hexadecimal digits…\" }",
        required: false,
    },
    Setting {
        key: "sealing",
        about: "how others are spoken to, for an agent that is enrolled: `sealed` (in plain never), \
                `prefer` (sealed as soon as one of their keys is believed) or `plain`, by account \
                or by `*@domain`; members are `sealed` and `others` are `prefer` unless it says so",
        example: "sealing = { others = \"sealed\", \"*@spade.example\" = \"plain\" }",
        required: false,
    },
    Setting { key: "behaviour", about: "what it runs", example: "[[behaviour]]", required: false },
];
