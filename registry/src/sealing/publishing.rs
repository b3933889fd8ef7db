//! What is asked of the server: lists, bundles, and to publish ours (XEP-0163).

use omemo::{
    machine::{Published, Request},
    wire,
};
use runtime::AgentId;
use tokio_xmpp::{Stanza, jid::Jid, minidom::Element};
use tracing::{debug, warn};
use xmpp_parsers::{
    data_forms::{DataForm, DataFormType, Field},
    iq::{Iq, IqHeader, IqPayload},
    message, ns,
    stanza_error::DefinedCondition,
};

use super::{Sealer, content};
use crate::element::element;

/// How long an answer may take, in seconds.
const PATIENCE: i64 = 30;

/// Items of one node that are read.
const ITEMS: usize = 64;

/// A question that is open.
#[derive(Debug)]
pub(crate) struct Asked {
    of: Option<Jid>,
    what: What,
    at: i64,
}

#[derive(Debug)]
enum What {
    Devices { of: String, namespace: omemo::Namespace },
    Bundle { of: String, device: u32, namespace: omemo::Namespace },
    Publish { what: Published, node: String },
    Configure,
}

impl Sealer {
    /// A fresh session: what was asked is not answered any more.
    pub(crate) fn reconnected(&mut self) {
        self.asked.clear();
        self.one_item = false;
        self.machine.reconnected();
    }

    /// Does what is due, such as every second.
    pub(crate) fn tick(&mut self) {
        let now = self.now();
        let late: Vec<String> = self
            .asked
            .iter()
            .filter(|(_, it)| now - it.at > PATIENCE)
            .map(|(id, _)| id.clone())
            .collect();
        for asked in late.iter().filter_map(|id| self.asked.remove(id)).collect::<Vec<_>>() {
            self.answered(asked.what, false, None);
        }
        self.machine.tick(now);
    }

    /// Everything that is to be sent for the sessions' sake. To be called after a commit.
    pub(crate) fn pull(&mut self) -> Vec<Stanza> {
        let mut stanzas = Vec::new();
        while let Some(request) = self.machine.pull(self.committed) {
            stanzas.extend(self.ask(request));
        }
        stanzas
    }

    fn ask(&mut self, request: Request) -> Option<Stanza> {
        match request {
            Request::Devices { of, namespace } => {
                let items = [("node", wire::devices_node(namespace)), ("max_items", "1")];
                let items = element("items", ns::PUBSUB, &items);
                self.get(&of.clone(), items.build(), What::Devices { of, namespace })
            }
            Request::Bundle { of, device, namespace } => {
                let (node, item) = wire::bundle_node(namespace, device);
                let item = element("item", ns::PUBSUB, &[("id", &item)]);
                let items = element("items", ns::PUBSUB, &[("node", &node)]).append(item);
                self.get(&of.clone(), items.build(), What::Bundle { of, device, namespace })
            }
            Request::Publish { what, node, item, payload } => {
                let item = element("item", ns::PUBSUB, &[("id", &item)]).append(payload);
                let publish = element("publish", ns::PUBSUB, &[("node", &node)]).append(item);
                let options = DataForm::new(
                    DataFormType::Submit,
                    "http://jabber.org/protocol/pubsub#publish-options",
                    self.options(what),
                );
                let options =
                    Element::builder("publish-options", ns::PUBSUB).append(Element::from(options));
                let pubsub =
                    Element::builder("pubsub", ns::PUBSUB).append(publish).append(options).build();
                Some(self.question(None, What::Publish { what, node }, Some(pubsub)))
            }
            Request::Send { to, encrypted } => {
                Some(Stanza::Message(content::empty(to.parse().ok()?, encrypted)))
            }
        }
    }

    fn get(&mut self, of: &str, items: Element, what: What) -> Option<Stanza> {
        // Whoever has no address has no devices either.
        let Ok(to) = of.parse::<Jid>() else {
            self.answered(what, false, None);
            return None;
        };
        let ours = of == self.us();
        let id = self.note(Some(to.clone()), what);
        let payload = Element::builder("pubsub", ns::PUBSUB).append(items).build();
        let to = (!ours).then_some(to);
        Some(Stanza::Iq(Iq::Get { from: None, to, id, payload }))
    }

    fn question(&mut self, to: Option<Jid>, what: What, payload: Option<Element>) -> Stanza {
        let id = self.note(to.clone(), what);
        let payload = payload.unwrap_or_else(|| Element::bare("pubsub", ns::PUBSUB));
        Stanza::Iq(Iq::Set { from: None, to, id, payload })
    }

    fn note(&mut self, of: Option<Jid>, what: What) -> String {
        self.next += 1;
        let id = format!("vedette-omemo-{}", self.next);
        self.asked.insert(id.clone(), Asked { of, what, at: self.now() });
        id
    }

    /// Takes the answer to one of our questions; others come back. What is to be sent next is
    /// returned as well.
    #[expect(clippy::result_large_err, reason = "what is not ours goes on as it came")]
    pub(crate) fn answer(
        &mut self,
        header: &IqHeader,
        payload: IqPayload,
    ) -> Result<Option<Stanza>, IqPayload> {
        let us = self.us().to_owned();
        let is_asked = |asked: &Asked| match (&header.from, &asked.of) {
            (None, of) => of.as_ref().is_none_or(|it| it.as_str() == us),
            (Some(from), Some(of)) => from == of,
            (Some(from), None) => from.to_bare().as_str() == us,
        };
        if !self.asked.get(&header.id).is_some_and(is_asked) {
            return Err(payload);
        }
        let answer = match payload {
            IqPayload::Result(answer) => Ok(answer),
            IqPayload::Error(error) => Err(error.defined_condition),
            asked => return Err(asked),
        };
        let Some(Asked { what, .. }) = self.asked.remove(&header.id) else { return Ok(None) };
        Ok(match (what, answer) {
            (What::Publish { what, node }, Err(condition)) => {
                self.unpublished(what, &node, &condition)
            }
            (what, Ok(answer)) => {
                self.answered(what, true, answer.as_ref());
                None
            }
            (what, Err(_)) => {
                self.answered(what, false, None);
                None
            }
        })
    }

    /// A node that is set up otherwise is set up anew; then it is published again.
    fn unpublished(
        &mut self,
        what: Published,
        node: &str,
        condition: &DefinedCondition,
    ) -> Option<Stanza> {
        self.machine.published(what, false);
        warn!(?condition, node, "our keys cannot be published yet");
        if !matches!(condition, DefinedCondition::Conflict) {
            // ejabberd 23.01 does not know every option; one item is enough for one device.
            if !self.one_item {
                self.one_item = true;
                self.machine.tick(self.now());
            }
            return None;
        }
        let form = DataForm::new(DataFormType::Submit, ns::PUBSUB_CONFIGURE, self.options(what));
        let configure = element("configure", ns::PUBSUB_OWNER, &[("node", node)]);
        let configure = configure.append(Element::from(form));
        let pubsub = Element::builder("pubsub", ns::PUBSUB_OWNER).append(configure).build();
        Some(self.question(None, What::Configure, Some(pubsub)))
    }

    /// Everybody may read our keys, and they stay.
    fn options(&self, what: Published) -> Vec<Field> {
        let mut fields = vec![
            Field::text_single("pubsub#access_model", "open"),
            Field::text_single("pubsub#persist_items", "true"),
        ];
        if what == Published::Bundle(omemo::Namespace::Omemo2) && !self.one_item {
            fields.push(Field::text_single("pubsub#max_items", "max"));
        }
        fields
    }

    /// Whether it was done, and what there is; what did not come in time is not there.
    fn answered(&mut self, what: What, done: bool, items: Option<&Element>) {
        let now = self.now();
        let mut payloads = items.into_iter().flat_map(payloads);
        match what {
            What::Devices { of, namespace } => {
                let lists = payloads.filter_map(|it| wire::read_devices(it).ok());
                let list = lists.filter(|it| it.0 == namespace).last();
                self.machine.devices(&of, namespace, list.as_ref().map(|it| it.1.as_slice()));
            }
            What::Bundle { of, device, namespace } => {
                let bundle = payloads.find_map(|it| wire::read_bundle(it).ok());
                let bundle = bundle.filter(|it| it.0 == namespace).map(|it| it.1);
                debug!(%of, device, found = bundle.is_some(), "a bundle");
                self.machine.bundle(&of, device, namespace, bundle.as_ref(), now);
            }
            What::Publish { what, .. } => self.machine.published(what, done),
            What::Configure => {}
        }
    }

    /// A list of devices that somebody published just now.
    pub(crate) fn on_news(&mut self, from: &AgentId, stanza: &message::Message) -> bool {
        let events = stanza.payloads.iter().filter(|it| it.is("event", ns::PUBSUB_EVENT));
        let mut heard = false;
        for items in events.filter_map(|it| it.get_child("items", ns::PUBSUB_EVENT)) {
            let node = items.attr("node");
            let Some(namespace) =
                omemo::Namespace::ALL.into_iter().find(|it| node == Some(wire::devices_node(*it)))
            else {
                continue;
            };
            heard = true;
            let items = items.children().take(ITEMS).flat_map(Element::children);
            let lists = items.filter_map(|it| wire::read_devices(it).ok());
            if let Some((_, devices)) = lists.filter(|it| it.0 == namespace).last() {
                self.machine.devices(from.bare(), namespace, Some(&devices));
            }
        }
        heard
    }
}

fn payloads(pubsub: &Element) -> impl Iterator<Item = &Element> {
    let items = pubsub.children().filter(|it| it.is("items", ns::PUBSUB));
    items.flat_map(|it| it.children().take(ITEMS)).flat_map(Element::children)
}
