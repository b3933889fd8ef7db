//! Devices and a server between them, without a network: what each wants is done at once.

use std::collections::BTreeMap;

use minidom::Element;
use omemo::{
    Believed, Identity, IdentityKey, Machine, Namespace, Settings, Trust,
    machine::{Content, Opened, Outgoing, Refusal, Request, Sealing},
    store::MemoryStore,
    wire,
};

pub(crate) const START: i64 = 1_800_000_000;

pub(crate) type Device = Machine<MemoryStore>;

/// What a server keeps, and may change.
#[derive(Default)]
pub(crate) struct Server {
    /// By account and node, and name of the item.
    pub(crate) nodes: BTreeMap<(String, String), BTreeMap<String, Element>>,
    /// Messages without content, to whom and of whom.
    pub(crate) empty: Vec<(String, String, Element)>,
    pub(crate) now: i64,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { now: START, ..Self::default() }
    }

    fn item(&self, account: &str, node: &str, item: Option<&str>) -> Option<&Element> {
        let items = self.nodes.get(&(account.to_owned(), node.to_owned()))?;
        match item {
            Some(item) => items.get(item),
            None => items.values().next(),
        }
    }

    /// Does what a device wants, until it wants nothing.
    pub(crate) fn serve(&mut self, account: &str, device: &mut Device) {
        loop {
            let commit = device.commit().unwrap();
            let Some(request) = device.pull(commit) else { return };
            match request {
                Request::Devices { of, namespace } => {
                    let list = self.item(&of, wire::devices_node(namespace), None);
                    let list = list.map(|it| wire::read_devices(it).unwrap().1);
                    device.devices(&of, namespace, list.as_deref());
                }
                Request::Bundle { of, device: id, namespace } => {
                    let (node, item) = wire::bundle_node(namespace, id);
                    let bundle = self.item(&of, &node, Some(&item));
                    let bundle = bundle.map(|it| wire::read_bundle(it).unwrap().1);
                    device.bundle(&of, id, namespace, bundle.as_ref(), self.now);
                }
                Request::Publish { what, node, item, payload } => {
                    self.nodes.entry((account.to_owned(), node)).or_default().insert(item, payload);
                    device.published(what, true);
                }
                Request::Send { to, encrypted } => {
                    self.empty.push((account.to_owned(), to, encrypted));
                }
            }
        }
    }
}

/// Two accounts, each with one device that the other believes.
pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) a: Device,
    pub(crate) b: Device,
    pub(crate) stores: [MemoryStore; 2],
    pub(crate) settings: [Settings; 2],
}

pub(crate) const NAMES: [&str; 2] = ["a@test", "b@test"];

pub(crate) fn settings(account: &str, device: u32) -> Settings {
    Settings { account: account.to_owned(), device, identity: Identity::random(), people: true }
}

pub(crate) fn believing(account: &str, device: Option<u32>, key: IdentityKey) -> Trust {
    let mut trust = Trust::default();
    trust.believe(account, Believed { device, key });
    trust
}

impl Pair {
    /// Both are ours: numbers and keys are vouched for.
    pub(crate) fn ours() -> Self {
        Self::new(true)
    }

    /// Both are people's: only the keys are.
    pub(crate) fn peoples() -> Self {
        Self::new(false)
    }

    fn new(numbers: bool) -> Self {
        let settings = [settings(NAMES[0], 1), settings(NAMES[1], 2)];
        let stores = [MemoryStore::default(), MemoryStore::default()];
        let open = |at: usize| Machine::open(stores[at].clone(), settings[at].clone(), START);
        let (mut a, mut b) = (open(0).unwrap(), open(1).unwrap());
        let number = |id| numbers.then_some(id);
        a.set_trust(believing(NAMES[1], number(2), b.identity()));
        b.set_trust(believing(NAMES[0], number(1), a.identity()));
        let mut pair = Self { server: Server::new(), a, b, stores, settings };
        pair.a.reconnected();
        pair.b.reconnected();
        pair.serve();
        pair
    }

    pub(crate) fn serve(&mut self) {
        self.server.serve(NAMES[0], &mut self.a);
        self.server.serve(NAMES[1], &mut self.b);
    }

    /// A second later.
    pub(crate) fn tick(&mut self) {
        self.server.now += 1;
        self.a.tick(self.server.now);
        self.b.tick(self.server.now);
        self.serve();
    }

    /// Brings the empty messages, and those that answer them, to whom they are for.
    pub(crate) fn deliver_empty(&mut self) -> usize {
        let mut count = 0;
        loop {
            self.serve();
            let empty = std::mem::take(&mut self.server.empty);
            if empty.is_empty() {
                return count;
            }
            assert!(count < 100, "they answer each other for ever");
            for (from, to, element) in empty {
                count += 1;
                let machine = if to == NAMES[0] { &mut self.a } else { &mut self.b };
                drop(machine.unseal(&from, &element, self.server.now, self.server.now));
            }
        }
    }

    pub(crate) fn seal(&mut self, from: usize, text: &str) -> Element {
        self.try_seal(from, text).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_seal(&mut self, from: usize, text: &str) -> Result<Element, String> {
        let elements = format!("<body xmlns='jabber:client'>{text}</body>");
        for _ in 0..20 {
            let machine = if from == 0 { &mut self.a } else { &mut self.b };
            let message = Outgoing { elements: &elements, body: text };
            let sealed = machine.seal(NAMES[1 - from], message, self.server.now);
            match sealed.map_err(|it| it.to_string())? {
                Sealing::Done(kept) => {
                    let commit = machine.commit().unwrap();
                    let elements = kept.release(commit).unwrap();
                    assert_eq!(elements.len(), 1);
                    return Ok(elements.into_iter().next().unwrap());
                }
                Sealing::Wait => {
                    self.serve();
                    self.server.now += 2;
                }
            }
        }
        Err("it waits for ever".to_owned())
    }

    pub(crate) fn open(&mut self, to: usize, element: &Element) -> Result<String, Refusal> {
        let machine = if to == 0 { &mut self.a } else { &mut self.b };
        // What is on the wire is what counts.
        let element: Element = String::from(element).parse().unwrap();
        let kept = machine.unseal(NAMES[1 - to], &element, self.server.now, self.server.now)?;
        let commit = machine.commit().unwrap();
        Ok(text(kept.release(commit).unwrap()))
    }

    /// One starts again, with what it kept.
    pub(crate) fn restart(&mut self, which: usize) {
        let store = self.stores[which].clone();
        let now = self.server.now;
        let machine = Machine::open(store, self.settings[which].clone(), now).unwrap();
        self.exchange(which, machine);
    }

    /// One starts again, without what it kept.
    pub(crate) fn lose(&mut self, which: usize) {
        self.stores[which] = MemoryStore::default();
        self.restart(which);
    }

    fn exchange(&mut self, which: usize, mut machine: Device) {
        let old = if which == 0 { &mut self.a } else { &mut self.b };
        machine.set_trust(old.trust().clone());
        machine.reconnected();
        *old = machine;
        self.serve();
    }
}

pub(crate) fn text(opened: Opened) -> String {
    match opened.content {
        Content::Elements(elements) => elements.iter().map(Element::text).collect(),
        Content::Text(text) => text,
        Content::Nothing => String::new(),
    }
}

pub(crate) fn is(element: &Element, namespace: Namespace) -> bool {
    element.has_ns(namespace.as_str())
}
