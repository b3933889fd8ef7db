//! What others find when they look us up (XEP-0030): what we are, what we understand, and, in a
//! form (XEP-0128), what we announce.

use std::collections::BTreeSet;

use omemo::{Namespace, wire};
use runtime::Command;
use tokio_xmpp::jid::Jid;
use types::Announcement;
use xmpp_parsers::{
    data_forms::{DataForm, DataFormType, Field, FieldType},
    disco::{DiscoInfoResult, DiscoItemsResult, Identity, Item},
    ns,
};

use crate::{announce, caps, codec::sayable, commands};

/// What we understand.
const FEATURES: [&str; 8] = [
    announce::NAMESPACE,
    commands::NAMESPACE,
    ns::CAPS,
    ns::DATA_FORMS,
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::PING,
    ns::VERSION,
];

/// That we want to hear when somebody's devices change (XEP-0163 section 4). What is not told, for
/// who does not show us their presence, is asked for when it is needed.
fn notifications() -> impl Iterator<Item = String> {
    Namespace::ALL.into_iter().map(|it| format!("{}+notify", wire::devices_node(it)))
}

/// What we are and understand.
pub(crate) fn info(me: &Announcement) -> DiscoInfoResult {
    let name = format!("Vedette {}", sayable(&me.role));
    DiscoInfoResult {
        node: None,
        identities: vec![Identity::new("automation", "vedette", "en", name)],
        features: FEATURES.map(str::to_owned).into_iter().chain(notifications()).collect(),
        extensions: vec![form(me)],
    }
}

fn form(me: &Announcement) -> DataForm {
    let labels: Vec<String> = me.labels.iter().map(|(name, it)| format!("{name}={it}")).collect();
    let lists = [("behaviours", &me.runs), ("duties", &me.duties), ("labels", &labels)];
    let list = |(name, values): (&str, &Vec<String>)| {
        let mut field = Field::new(name, FieldType::TextMulti);
        field.values = values.iter().map(|it| sayable(it).into_owned()).collect();
        field
    };
    let words = [("role", &me.role), ("version", &me.version)];
    let word = |(name, value): (&str, &String)| Field::text_single(name, &sayable(value));
    let fields = lists.map(list).into_iter().chain(words.map(word));
    let fields = fields.filter(|it| it.values.iter().any(|it| !it.is_empty())).collect();
    DataForm::new(DataFormType::Result_, announce::NAMESPACE, fields)
}

/// What is at `node`; `None`: there is no such node.
pub(crate) fn info_at(
    node: Option<String>,
    me: &Announcement,
    offered: &[Command],
) -> Option<DiscoInfoResult> {
    let Some(node) = node else { return Some(info(me)) };
    if node.strip_prefix(caps::NODE).is_some_and(|it| it.starts_with('#')) {
        return Some(DiscoInfoResult { node: Some(node), ..info(me) });
    }
    let (kind, title) = if node == commands::NAMESPACE {
        ("command-list", "Commands".to_owned())
    } else {
        let command = offered.iter().find(|it| it.node == node)?;
        ("command-node", sayable(&command.title).into_owned())
    };
    let features = BTreeSet::from([commands::NAMESPACE, ns::DATA_FORMS].map(str::to_owned));
    let identities = vec![Identity::new("automation", kind, "en", title)];
    Some(DiscoInfoResult { node: Some(node), identities, features, extensions: Vec::new() })
}

/// What there is below `node`; `me` is where commands are called.
pub(crate) fn items_at(
    node: Option<String>,
    me: Option<Jid>,
    offered: &[Command],
) -> DiscoItemsResult {
    let is_list = node.as_deref() == Some(commands::NAMESPACE);
    let listed = me.into_iter().filter(|_| is_list).flat_map(|me| {
        offered.iter().map(move |it| Item {
            jid: me.clone(),
            node: Some(it.node.clone()),
            name: Some(sayable(&it.title).into_owned()),
        })
    });
    DiscoItemsResult { items: listed.collect(), node, rsm: None }
}

#[cfg(test)]
mod tests {
    use tokio_xmpp::minidom::Element;

    use super::*;

    #[test]
    fn what_is_announced_can_be_looked_up() {
        let me = Announcement {
            role: "probe".to_owned(),
            duties: vec!["check".to_owned()],
            labels: [("site".to_owned(), "lux1".to_owned())].into(),
            version: "0.1.0".to_owned(),
            runs: vec!["check".to_owned(), "heartbeat".to_owned()],
        };
        insta::assert_snapshot!(String::from(&Element::from(info(&me))));
    }

    #[test]
    fn a_node_that_is_not_there_is_none() {
        let command = Command { node: "run".to_owned(), title: "Run".to_owned() };
        let at = |node: &str| {
            let me = Announcement::default();
            let found = info_at(Some(node.to_owned()), &me, std::slice::from_ref(&command));
            found.map(|it| it.identities[0].type_.clone())
        };
        assert_eq!(at("run").as_deref(), Some("command-node"));
        assert_eq!(at(commands::NAMESPACE).as_deref(), Some("command-list"));
        assert_eq!(at("urn:vedette:agent:0#x").as_deref(), Some("vedette"));
        assert_eq!(at("walk"), None);
    }
}
