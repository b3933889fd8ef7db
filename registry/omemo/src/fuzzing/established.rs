//! Somebody who has sessions with one other in both namespaces, and what that one sealed.

use std::sync::LazyLock;

use minidom::Element;
use serde_json::Value;

use super::{flag, recipient::unhex};
use crate::{
    Believed, Identity, IdentityKey, Machine, Namespace, Pair, PublicKey, Secret, Settings, Trust,
    machine::{Content, Opened, Refusal},
    ratchet::Sealed,
    store::{Change, MemoryStore, Store},
    wire::Encrypted,
};

/// When it all was sealed.
const NOW: i64 = 1_800_000_000;
const SENDER: &str = "a@test";
const US: &str = "b@test";
/// Our device.
const DEVICE: u32 = 2;
/// Everything that was sealed.
pub(super) const SAID: [&str; 7] = ["one", "two", "three", "four", "five", "six", "probe"];
/// The next message, which no target shows to anybody before.
const NEXT: &str = "probe";

/// Somebody who has sessions.
pub(super) struct Established {
    settings: Settings,
    sender: IdentityKey,
    records: Vec<Change>,
    sealed: [(Vec<Element>, Element); 2],
}

static ESTABLISHED: LazyLock<Established> = LazyLock::new(Established::read);

impl Established {
    pub(super) fn get() -> &'static Self {
        &ESTABLISHED
    }

    fn read() -> Self {
        let read: Value =
            serde_json::from_str(include_str!("../../tests/omemo/sealed.json")).expect("JSON");
        let all = &read;
        let bytes = |name: &str| unhex(all[name].as_str().unwrap_or_default()).try_into();
        let secret = Secret::new(bytes("secret").expect("32 bytes"));
        let settings = Settings {
            account: US.to_owned(),
            device: DEVICE,
            identity: Identity { pair: Pair::from(secret), registration: 1 },
            people: true,
        };
        let records = all["records"].as_object().into_iter().flatten();
        let put = |(name, value): (&String, &Value)| {
            Change::Put(name.clone(), unhex(value.as_str().unwrap_or_default()))
        };
        let sealed = Namespace::ALL.map(|namespace| {
            let sealed = all["sealed"].get(namespace.as_str()).expect("both");
            let element = |it: &Value| -> Element {
                it.as_str().unwrap_or_default().parse().expect("an element")
            };
            let seeds = sealed["seeds"].as_array().into_iter().flatten();
            (seeds.map(element).collect(), element(&sealed["probe"]))
        });
        let mut established = Self {
            settings,
            sender: IdentityKey(PublicKey(bytes("sender").expect("32 bytes"))),
            records: records.map(put).collect(),
            sealed,
        };
        established.fill();
        established
    }

    /// Makes the prekeys that nobody used, once for all.
    fn fill(&mut self) {
        let mut store = self.store();
        let mut machine = Machine::open(store.clone(), self.settings.clone(), NOW).expect("memory");
        machine.commit().expect("memory");
        let records = store.load().expect("memory").into_iter();
        self.records = records.map(|(name, value)| Change::Put(name, value)).collect();
    }

    fn store(&self) -> MemoryStore {
        let mut store = MemoryStore::default();
        store.commit(&self.records).expect("memory");
        store
    }

    /// As it was when all was sealed.
    pub(super) fn machine(&self) -> Machine<MemoryStore> {
        let mut machine = Machine::open(self.store(), self.settings.clone(), NOW).expect("memory");
        assert_eq!(machine.notice(), None);
        let mut trust = Trust::default();
        trust.believe(SENDER, Believed { device: Some(1), key: self.sender });
        machine.set_trust(trust);
        machine
    }

    /// The next message of a namespace.
    fn next(&self, namespace: Namespace) -> &Element {
        let [(_, old), (_, new)] = &self.sealed;
        match namespace {
            Namespace::Axolotl => old,
            Namespace::Omemo2 => new,
        }
    }

    /// As XML, and as the bytes that it is made of.
    pub(super) fn seeds(&self) -> Vec<Vec<u8>> {
        let all = self.sealed.iter().flat_map(|(seeds, _)| seeds);
        all.flat_map(|it| [String::from(it).into_bytes(), pack(it)]).collect()
    }
}

/// What somebody says that another sent us.
pub(super) fn open(
    machine: &mut Machine<MemoryStore>,
    from: &str,
    element: &Element,
) -> Result<String, Refusal> {
    let kept = machine.unseal(from, element, NOW, NOW)?;
    let commit = machine.commit().expect("memory");
    Ok(text(kept.release(commit).expect("it is written")))
}

/// What is opened was sealed, for us, by its sender, and is opened once; and whatever it was, what
/// its sender seals next is opened.
pub(super) fn check(element: &Element) {
    let established = Established::get();
    let mut machine = established.machine();
    assert!(open(&mut machine, "c@test", element).is_err(), "nobody believes them");
    if let Ok(said) = open(&mut machine, SENDER, element) {
        assert!(said.is_empty() || SAID.contains(&&*said), "{said}");
        assert!(open(&mut machine, SENDER, element).is_err(), "it was opened before");
    }
    let commit = machine.commit().expect("memory");
    while machine.pull(commit).is_some() {}
    for namespace in Namespace::ALL {
        let next = open(&mut machine, SENDER, established.next(namespace));
        assert_eq!(next.as_deref(), Ok(NEXT), "{namespace:?}");
    }
}

fn text(opened: Opened) -> String {
    assert_eq!((opened.device, opened.key), (1, Established::get().sender));
    match opened.content {
        Content::Elements(elements) => elements.iter().map(Element::text).collect(),
        Content::Text(text) => text,
        Content::Nothing => String::new(),
    }
}

/// Flags, the lengths of key and IV, the key, the IV, and the payload.
fn pack(element: &Element) -> Vec<u8> {
    let read = Encrypted::read(element, US, DEVICE).expect("it was sealed for us");
    let key = read.keys.first().expect("one key");
    let flags =
        flag(read.namespace) | u8::from(key.exchange) << 1 | u8::from(read.payload.is_some()) << 2;
    let lengths = [&key.bytes, &read.iv].map(|it| u8::try_from(it.len()).expect("a short one"));
    let payload = read.payload.unwrap_or_default();
    [&[flags], &lengths[..], &key.bytes, &read.iv, &payload].concat()
}

/// The element that is made of such bytes.
pub(super) fn unpack(bytes: &[u8]) -> Option<Element> {
    let (namespace, exchange, rest) = super::begin(bytes)?;
    let has_payload = bytes.first().is_some_and(|it| it & 4 != 0);
    let [key, iv, rest @ ..] = rest else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*key))?;
    let (iv, payload) = rest.split_at_checked(usize::from(*iv))?;
    let key = (DEVICE, Sealed { bytes: key.to_vec(), exchange });
    let payload = has_payload.then_some(payload);
    Some(Encrypted::write(namespace, 1, &[(US, vec![key])], iv, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_unless_it_was_before() {
        let established = Established::get();
        for (seeds, _) in &established.sealed {
            for (element, said) in seeds.iter().zip(SAID) {
                let opened = open(&mut established.machine(), SENDER, element);
                assert_eq!(opened.is_err(), said == "one", "{said}: {opened:?}");
                assert!(opened.is_err() || opened.as_deref() == Ok(said));
                assert_eq!(unpack(&pack(element)).as_ref(), Some(element));
            }
        }
    }
}
