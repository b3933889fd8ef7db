//! One client's side of the talk: its subscriptions, and what it is answered and told. No I/O.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{
    super::{Scan, literal},
    wire::{Incoming, Notice, Notify, Outgoing, Request, Response, Subscription, text},
};
use crate::events::{Bulletin, Event, Hub, Scandale};

/// What a client names to get everything.
const ALL: &str = "__EventNotifier_ALL_TOPICS__";
/// Most topics of a client, and the longest name of one in bytes.
const TOPICS: usize = 256;
/// What can be asked.
const METHODS: &str = "_ping_, ping, _get_channel_id_, subscribe, unsubscribe, publish";

/// One client.
#[derive(Debug)]
pub(super) struct Subscriber {
    id: Uuid,
    may_publish: bool,
    hub: Hub,
    /// Subscriptions by topic.
    topics: BTreeMap<String, String>,
}

impl Subscriber {
    pub(super) fn new(may_publish: bool, hub: Hub) -> Self {
        Self { id: Uuid::new_v4(), may_publish, hub, topics: BTreeMap::new() }
    }

    /// The answer to a frame; responses and what is not understood get none.
    pub(super) fn answer(&mut self, frame: &[u8]) -> Option<String> {
        let incoming: Incoming = match serde_json::from_slice(frame) {
            Ok(incoming) => incoming,
            Err(cause) => return Some(refusal(&format!("not a message: {cause}"), Value::Null)),
        };
        let Request { method, arguments, call_id } = incoming.request?;
        let done = match method.as_str() {
            "_ping_" | "ping" => Ok(Value::from("pong")),
            "_get_channel_id_" => Ok(Value::from(self.id.simple().to_string())),
            "subscribe" => self.subscribe(&arguments),
            "unsubscribe" => self.unsubscribe(&arguments),
            "publish" => self.publish(&arguments),
            other => Err(format!("no method `{other}`; there are: {METHODS}")),
        };
        Some(match done {
            Ok(result) => {
                let result_type = if result.is_boolean() { "bool" } else { "str" };
                let response = Some(Response { result, result_type, call_id });
                text(&Outgoing { request: None, response })
            }
            Err(reason) => refusal(&reason, call_id),
        })
    }

    /// What a client is told of a bulletin.
    pub(super) fn notices(&self, bulletin: &Bulletin) -> Vec<String> {
        match bulletin {
            Bulletin::Events(events) => {
                events.iter().filter_map(|event| self.notice_of(event)).collect()
            }
            Bulletin::Published { publisher, .. } if *publisher == self.id => Vec::new(),
            Bulletin::Published { topics, data, .. } => {
                topics.iter().filter_map(|topic| self.notice(topic, data)).collect()
            }
        }
    }

    fn notice_of(&self, event: &Event) -> Option<String> {
        let topic = event.topic.name();
        self.subscription(topic)?;
        match &event.scandale {
            Scandale::Same => self.notice(topic, &event.data),
            Scandale::Item(record) => {
                self.notice(topic, &serde_json::to_string(&Scan::of(record)?).ok()?)
            }
            Scandale::Token { token, uuid } => {
                self.notice(topic, &serde_json::to_string(&literal::show(token, uuid)).ok()?)
            }
        }
    }

    fn subscription(&self, topic: &str) -> Option<&str> {
        self.topics.get(topic).or_else(|| self.topics.get(ALL)).map(String::as_str)
    }

    fn notice(&self, topic: &str, data: &str) -> Option<String> {
        let id = self.subscription(topic)?;
        let data: &RawValue = serde_json::from_str(data).ok()?;
        let subscriber_id = self.id.simple().to_string();
        let subscription =
            Subscription { id, subscriber_id: &subscriber_id, topic, notifier_id: None };
        let request = Some(Notify {
            method: "notify",
            arguments: Notice { subscription, data },
            call_id: Uuid::new_v4().simple().to_string(),
        });
        Some(text(&Outgoing { request, response: None }))
    }

    fn subscribe(&mut self, arguments: &Value) -> Result<Value, String> {
        let topics = topics(arguments)?;
        if self.topics.len() + topics.len() > TOPICS {
            return Err(format!("a client has at most {TOPICS} topics"));
        }
        for topic in topics {
            self.topics.entry(topic).or_insert_with(|| Uuid::new_v4().simple().to_string());
        }
        Ok(Value::Bool(true))
    }

    fn unsubscribe(&mut self, arguments: &Value) -> Result<Value, String> {
        for topic in topics(arguments)? {
            self.topics.remove(&topic);
        }
        Ok(Value::Bool(true))
    }

    fn publish(&self, arguments: &Value) -> Result<Value, String> {
        let topics = topics(arguments)?;
        if !self.may_publish {
            return Ok(Value::Bool(false));
        }
        let data = arguments.get("data").unwrap_or(&Value::Null).to_string();
        self.hub.publish(self.id, topics, data.into());
        Ok(Value::Bool(true))
    }
}

/// One topic or a list of them.
fn topics(arguments: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("`topics` must be a string or at most {TOPICS} strings");
    let topics: Option<Vec<_>> = match arguments.get("topics") {
        Some(Value::String(topic)) => Some(vec![topic.clone()]),
        Some(Value::Array(topics)) => {
            topics.iter().map(|topic| topic.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    };
    let fits = |topics: &Vec<String>| {
        topics.len() <= TOPICS && topics.iter().all(|topic| topic.len() <= TOPICS)
    };
    topics.filter(fits).ok_or_else(wrong)
}

fn refusal(reason: &str, call_id: Value) -> String {
    let response = Some(Response { result: Value::from(reason), result_type: "error", call_id });
    text(&Outgoing { request: None, response })
}
