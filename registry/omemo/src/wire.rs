//! What OMEMO looks like on the wire: messages, device lists and bundles of both namespaces.
//!
//! Everything that is read here comes from outside and is bounded before it is believed.

use minidom::Element;

use crate::{
    Bundle, IdentityKey, Namespace, Prekey, PublicKey, SignedPrekey,
    element::{bytes, decode, decode_exactly, element, is_true, number},
    ratchet::Sealed,
};

/// Devices of one account that are looked at; more than that nobody has.
pub const DEVICES: usize = 64;

/// Prekeys of one bundle that are looked at.
pub const PREKEYS: usize = 1000;

/// Keys of one message that are looked through for our own.
pub const KEYS: usize = 10_000;

/// The largest device number (XEP-0384 section 5.3.1).
pub const LAST_DEVICE: u32 = 0x7fff_ffff;

/// Why something from outside cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// It is something else than expected.
    #[error("not an `<{0}/>` of OMEMO")]
    Unexpected(&'static str),
    /// Something is missing, or not as it should be.
    #[error("no valid `{0}`")]
    Missing(&'static str),
    /// There is more of it than is looked at.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
}

/// The key of a message that is meant for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The ratchet's message.
    pub bytes: Vec<u8>,
    /// Whether it begins a session.
    pub exchange: bool,
}

/// A message as it came, of which one device needs just this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// Which OMEMO.
    pub namespace: Namespace,
    /// The sender's device.
    pub sender: u32,
    /// The keys for this device: one, unless somebody else's device has the same number.
    pub keys: Vec<Key>,
    /// The initialisation vector, in the older namespace.
    pub iv: Vec<u8>,
    /// What was sealed; none in a message that only carries a key.
    pub payload: Option<Vec<u8>>,
}

/// What one account's devices get of a message.
pub(crate) type KeysOf<'a> = (&'a str, Vec<(u32, Sealed)>);

/// The namespace of an element that OMEMO knows.
pub fn namespace(element: &Element) -> Option<Namespace> {
    Namespace::ALL.into_iter().find(|it| element.has_ns(it.as_str()))
}

impl Encrypted {
    /// Reads what is meant for device `device` of account `account`.
    pub fn read(element: &Element, account: &str, device: u32) -> Result<Self, WireError> {
        let namespace = namespace(element)
            .filter(|_| element.name() == "encrypted")
            .ok_or(WireError::Unexpected("encrypted"))?;
        let ns = namespace.as_str();
        let header = element.get_child("header", ns).ok_or(WireError::Missing("header"))?;
        let sender = number(header, "sid").filter(|it| is_device(*it));
        let sender = sender.ok_or(WireError::Missing("sid"))?;
        let ours = match namespace {
            Namespace::Axolotl => keys(header.children(), ns, device, "prekey")?,
            Namespace::Omemo2 => {
                let groups = header.children().take(KEYS).filter(|it| it.is("keys", ns));
                let mut group = groups.filter(|it| it.attr("jid") == Some(account));
                match group.next() {
                    Some(group) => keys(group.children(), ns, device, "kex")?,
                    None => Vec::new(),
                }
            }
        };
        let payload = match element.get_child("payload", ns) {
            Some(payload) => Some(decode(payload).ok_or(WireError::Missing("payload"))?),
            None => None,
        };
        let iv = match (namespace, header.get_child("iv", ns)) {
            (Namespace::Axolotl, Some(iv)) => decode(iv).ok_or(WireError::Missing("iv"))?,
            _ => Vec::new(),
        };
        Ok(Self { namespace, sender, keys: ours, iv, payload })
    }

    /// Writes a message for many devices.
    pub(crate) fn write(
        namespace: Namespace,
        sender: u32,
        keys: &[KeysOf<'_>],
        iv: &[u8],
        payload: Option<&[u8]>,
    ) -> Element {
        let ns = namespace.as_str();
        let mut header = element("header", ns, &[("sid", &sender.to_string())]);
        for (account, keys) in keys {
            match namespace {
                Namespace::Axolotl => {
                    header = header.append_all(keys.iter().map(|it| key(ns, "prekey", it)));
                }
                Namespace::Omemo2 => {
                    let keys = keys.iter().map(|it| key(ns, "kex", it));
                    let group = element("keys", ns, &[("jid", account)]).append_all(keys);
                    header = header.append(group);
                }
            }
        }
        if namespace == Namespace::Axolotl {
            header = header.append(bytes("iv", ns, &[], iv));
        }
        let payload = payload.map(|it| bytes("payload", ns, &[], it));
        Element::builder("encrypted", ns).append(header).append_all(payload).build()
    }
}

fn keys<'a>(
    children: impl Iterator<Item = &'a Element>,
    ns: &str,
    device: u32,
    exchange: &str,
) -> Result<Vec<Key>, WireError> {
    let mut ours = Vec::new();
    for (index, child) in children.enumerate() {
        if index >= KEYS {
            return Err(WireError::TooMany { what: "keys", limit: KEYS });
        }
        if ours.len() < DEVICES && child.is("key", ns) && number(child, "rid") == Some(device) {
            let bytes = decode(child).ok_or(WireError::Missing("key"))?;
            ours.push(Key { bytes, exchange: is_true(child, exchange) });
        }
    }
    Ok(ours)
}

fn key(ns: &str, exchange: &'static str, (device, sealed): &(u32, Sealed)) -> Element {
    let device = device.to_string();
    let mut attributes = vec![("rid", device.as_str())];
    if sealed.exchange {
        attributes.push((exchange, "true"));
    }
    bytes("key", ns, &attributes, &sealed.bytes)
}

fn is_device(id: u32) -> bool {
    (1..=LAST_DEVICE).contains(&id)
}

/// The node on which an account keeps the list of its devices.
pub fn devices_node(namespace: Namespace) -> &'static str {
    match namespace {
        Namespace::Axolotl => "eu.siacs.conversations.axolotl.devicelist",
        Namespace::Omemo2 => "urn:xmpp:omemo:2:devices",
    }
}

/// The node on which a device keeps its bundle, and the item it is.
pub fn bundle_node(namespace: Namespace, device: u32) -> (String, String) {
    match namespace {
        Namespace::Axolotl => {
            (format!("eu.siacs.conversations.axolotl.bundles:{device}"), "current".to_owned())
        }
        Namespace::Omemo2 => ("urn:xmpp:omemo:2:bundles".to_owned(), device.to_string()),
    }
}

/// Reads the list of an account's devices; what is no number of a device is passed over.
pub fn read_devices(list: &Element) -> Result<(Namespace, Vec<u32>), WireError> {
    let named = |it: &Namespace| match it {
        Namespace::Axolotl => list.name() == "list",
        Namespace::Omemo2 => list.name() == "devices",
    };
    let namespace = namespace(list).filter(named).ok_or(WireError::Unexpected("devices"))?;
    let mut devices = Vec::new();
    for device in list.children().filter(|it| it.is("device", namespace.as_str())) {
        let Some(id) = number(device, "id").filter(|it| is_device(*it)) else { continue };
        if devices.len() >= DEVICES {
            return Err(WireError::TooMany { what: "devices", limit: DEVICES });
        }
        if !devices.contains(&id) {
            devices.push(id);
        }
    }
    Ok((namespace, devices))
}

/// Writes the list of an account's devices.
pub fn write_devices(namespace: Namespace, devices: &[u32]) -> Element {
    let ns = namespace.as_str();
    let name = match namespace {
        Namespace::Axolotl => "list",
        Namespace::Omemo2 => "devices",
    };
    let device = |id: &u32| element("device", ns, &[("id", &id.to_string())]).build();
    Element::builder(name, ns).append_all(devices.iter().map(device)).build()
}

/// Reads a device's bundle. Whether it may be used, [`Bundle::check`] says.
pub fn read_bundle(element: &Element) -> Result<(Namespace, Bundle), WireError> {
    let namespace = namespace(element)
        .filter(|_| element.name() == "bundle")
        .ok_or(WireError::Unexpected("bundle"))?;
    let bundle = match namespace {
        Namespace::Axolotl => read_axolotl(element)?,
        Namespace::Omemo2 => read_omemo2(element)?,
    };
    Ok((namespace, bundle))
}

fn child<'a>(element: &'a Element, name: &'static str, ns: &str) -> Result<&'a Element, WireError> {
    element.get_child(name, ns).ok_or(WireError::Missing(name))
}

fn read_axolotl(element: &Element) -> Result<Bundle, WireError> {
    let ns = Namespace::Axolotl.as_str();
    let public = |it: &Element, name| {
        let [5, key @ ..] = decode_exactly::<33>(it).ok_or(WireError::Missing(name))? else {
            return Err(WireError::Missing(name));
        };
        Ok(PublicKey(key))
    };
    let signed = child(element, "signedPreKeyPublic", ns)?;
    let signature = child(element, "signedPreKeySignature", ns)?;
    let prekeys = child(element, "prekeys", ns)?.children();
    let prekeys = prekeys.filter(|it| it.is("preKeyPublic", ns)).map(|it| {
        let id = number(it, "preKeyId").ok_or(WireError::Missing("preKeyId"))?;
        Ok(Prekey { id, key: public(it, "preKeyPublic")? })
    });
    Ok(Bundle {
        identity: IdentityKey(public(child(element, "identityKey", ns)?, "identityKey")?),
        sign: None,
        signed_prekey: SignedPrekey {
            id: number(signed, "signedPreKeyId").ok_or(WireError::Missing("signedPreKeyId"))?,
            key: public(signed, "signedPreKeyPublic")?,
            signature: decode_exactly(signature)
                .ok_or(WireError::Missing("signedPreKeySignature"))?,
        },
        prekeys: bounded(prekeys)?,
    })
}

fn read_omemo2(element: &Element) -> Result<Bundle, WireError> {
    let ns = Namespace::Omemo2.as_str();
    let bytes =
        |name| decode_exactly::<32>(child(element, name, ns)?).ok_or(WireError::Missing(name));
    let identity = bytes("ik")?;
    let signed = child(element, "spk", ns)?;
    let prekeys = child(element, "prekeys", ns)?.children();
    let prekeys = prekeys.filter(|it| it.is("pk", ns)).map(|it| {
        let id = number(it, "id").ok_or(WireError::Missing("id"))?;
        let key = decode_exactly(it).ok_or(WireError::Missing("pk"))?;
        Ok(Prekey { id, key: PublicKey(key) })
    });
    Ok(Bundle {
        identity: IdentityKey::from_ed25519(&identity).map_err(|_| WireError::Missing("ik"))?,
        sign: identity.last().map(|it| it >> 7),
        signed_prekey: SignedPrekey {
            id: number(signed, "id").ok_or(WireError::Missing("id"))?,
            key: PublicKey(bytes("spk")?),
            signature: decode_exactly(child(element, "spks", ns)?)
                .ok_or(WireError::Missing("spks"))?,
        },
        prekeys: bounded(prekeys)?,
    })
}

fn bounded(
    prekeys: impl Iterator<Item = Result<Prekey, WireError>>,
) -> Result<Vec<Prekey>, WireError> {
    let mut read = Vec::new();
    for prekey in prekeys {
        if read.len() >= PREKEYS {
            return Err(WireError::TooMany { what: "prekeys", limit: PREKEYS });
        }
        read.push(prekey?);
    }
    Ok(read)
}

/// Writes a device's bundle.
pub fn write_bundle(namespace: Namespace, bundle: &Bundle) -> Element {
    let ns = namespace.as_str();
    let signed = &bundle.signed_prekey;
    let id = signed.id.to_string();
    let public = |key: &PublicKey| match namespace {
        Namespace::Axolotl => [&[5][..], &key.0].concat(),
        Namespace::Omemo2 => key.0.to_vec(),
    };
    let ids = match namespace {
        Namespace::Axolotl => ("preKeyPublic", "preKeyId"),
        Namespace::Omemo2 => ("pk", "id"),
    };
    let prekey = |it: &Prekey| bytes(ids.0, ns, &[(ids.1, &it.id.to_string())], &public(&it.key));
    let prekeys = Element::builder("prekeys", ns).append_all(bundle.prekeys.iter().map(prekey));
    let head = match namespace {
        Namespace::Axolotl => vec![
            bytes("signedPreKeyPublic", ns, &[("signedPreKeyId", &id)], &public(&signed.key)),
            bytes("signedPreKeySignature", ns, &[], &signed.signature),
            bytes("identityKey", ns, &[], &public(&bundle.identity.0)),
        ],
        Namespace::Omemo2 => vec![
            bytes("spk", ns, &[("id", &id)], &public(&signed.key)),
            bytes("spks", ns, &[], &signed.signature),
            // Our own key always has an Ed25519 form.
            bytes("ik", ns, &[], &bundle.identity.to_ed25519().unwrap_or_default()),
        ],
    };
    Element::builder("bundle", ns).append_all(head).append(prekeys).build()
}
