//! What is taken in of an item: its fields are checked, and those that are searched are taken out.

pub(crate) mod alert;

use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::{Digest, Link, Record, sha256};
use serde_json::Value;
use uuid::Uuid;

use self::alert::AlertNews;

/// Longest summary, in characters.
const SUMMARY: usize = 200;
/// Longest `version`, `format`, `meta.type` and `meta.source`, in bytes.
const NAME: usize = 512;
/// How much of the output is looked at for a summary, in characters of base64.
const GLANCE: usize = 4096;

/// An item as it will be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewItem {
    pub(crate) uuid: Uuid,
    pub(crate) canonical: Vec<u8>,
    pub(crate) sha256: Digest,
    /// Of `payload.raw` as it was sent: SCANDALE's clients search by it.
    pub(crate) raw_sha256: Digest,
    pub(crate) ts: i64,
    pub(crate) kind: String,
    pub(crate) source: Option<String>,
    pub(crate) format: String,
    pub(crate) verdict: Option<String>,
    pub(crate) summary: String,
    /// Its place among the items of its source, and who signed it.
    pub(crate) link: Link,
    /// What it tells of an alert, if it does and that is in order.
    pub(crate) alert: Option<Box<AlertNews>>,
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wrong {
    /// Where: `["meta", "ts"]`; empty for the whole.
    pub(crate) place: Vec<&'static str>,
    pub(crate) fault: Fault,
    /// What was there, or for what is missing what it is missing from.
    pub(crate) input: Value,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    NotObject,
    NotText,
    NotInteger,
    NotUuid,
    TooLong,
    Control,
    Signature,
}

impl Wrong {
    /// The field as it is written: `meta.ts`.
    pub(crate) fn field(&self) -> String {
        self.place.join(".")
    }
}

impl Fault {
    /// What would have been right.
    pub(crate) fn detail(self) -> String {
        match self {
            Self::Missing => "is missing".to_owned(),
            Self::NotObject => "must be an object".to_owned(),
            Self::NotText => "must be a string".to_owned(),
            Self::NotInteger => "must be an integer".to_owned(),
            Self::NotUuid => "must be a UUID such as \
                `0b9b0d4e-2f0c-4d5b-9a0e-5f7d0c3a1b2c`"
                .to_owned(),
            Self::TooLong => format!("must not be longer than {NAME} bytes"),
            Self::Control => "must not contain control characters".to_owned(),
            Self::Signature => "must be by its key (Ed25519) over the canonical form of the item \
                without `signature`"
                .to_owned(),
        }
    }
}

impl NewItem {
    /// Takes an item in, or says every field that is wrong.
    pub(crate) fn read(record: &Record) -> Result<Self, Vec<Wrong>> {
        let mut reader = Reader { wrong: Vec::new() };
        let whole = record.value();
        if !whole.is_object() {
            reader.blame(&[], Fault::NotObject, whole);
            return Err(reader.wrong);
        }
        let version = reader.name(whole, &["version"]);
        let format = reader.name(whole, &["format"]);
        let meta = reader.object(whole, "meta");
        let uuid = meta.and_then(|meta| reader.uuid(meta));
        let ts = meta.and_then(|meta| reader.ts(meta));
        let kind = meta.and_then(|meta| reader.name(meta, &["meta", "type"]));
        let source = meta
            .filter(|meta| meta.get("source").is_some_and(|source| !source.is_null()))
            .and_then(|meta| reader.name(meta, &["meta", "source"]));
        let payload = reader.object(whole, "payload");
        let raw = payload.and_then(|payload| reader.text(payload, &["payload", "raw"]));
        let link = reader.link(record);

        let (true, Some(_), Some(format), Some(uuid), Some(ts), Some(kind), Some(raw), Some(link)) =
            (reader.wrong.is_empty(), version, format, uuid, ts, kind, raw, link)
        else {
            return Err(reader.wrong);
        };
        Ok(Self {
            uuid,
            canonical: record.bytes().to_vec(),
            sha256: record.digest(),
            raw_sha256: sha256(raw.as_bytes()),
            ts,
            kind: kind.to_owned(),
            source: source.map(str::to_owned),
            format: format.to_owned(),
            verdict: payload.and_then(verdict),
            summary: payload.map(|payload| summary(payload, raw)).unwrap_or_default(),
            link,
            alert: payload.filter(|_| kind == "alert").and_then(AlertNews::read).map(Box::new),
        })
    }
}

/// The output that a payload carries; text that is no base64 is taken as it is.
pub(crate) fn decoded(raw: &str) -> String {
    // Some encoders break lines.
    let letters: Vec<u8> = raw.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match BASE64_STANDARD.decode(letters) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => raw.to_owned(),
    }
}

fn verdict(payload: &Value) -> Option<String> {
    let verdict = payload.get("verdict")?.as_str()?;
    matches!(verdict, "pass" | "fail" | "error").then(|| verdict.to_owned())
}

/// The first line with something in it, of what the sender says or else of the output.
fn summary(payload: &Value, raw: &str) -> String {
    let said = payload.get("summary").and_then(Value::as_str).map(str::to_owned);
    let text = said.unwrap_or_else(|| decoded(glance(raw)));
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SUMMARY).collect()
}

/// The beginning of a long output, cut where base64 may be cut.
fn glance(raw: &str) -> &str {
    raw.get(..GLANCE).unwrap_or(raw)
}

struct Reader {
    wrong: Vec<Wrong>,
}

impl Reader {
    fn blame(&mut self, place: &[&'static str], fault: Fault, input: &Value) {
        self.wrong.push(Wrong { place: place.to_vec(), fault, input: input.clone() });
    }

    /// A field by the last part of its place, which must be there.
    fn field<'v>(&mut self, parent: &'v Value, place: &[&'static str]) -> Option<&'v Value> {
        let found = place.last().and_then(|name| parent.get(name));
        if found.is_none() {
            self.blame(place, Fault::Missing, parent);
        }
        found
    }

    fn object<'v>(&mut self, whole: &'v Value, name: &'static str) -> Option<&'v Value> {
        let value = self.field(whole, &[name])?;
        if value.is_object() {
            return Some(value);
        }
        self.blame(&[name], Fault::NotObject, value);
        None
    }

    fn text<'v>(&mut self, parent: &'v Value, place: &[&'static str]) -> Option<&'v str> {
        let value = self.field(parent, place)?;
        if value.as_str().is_none() {
            self.blame(place, Fault::NotText, value);
        }
        value.as_str()
    }

    /// Text that is searched and shown in lists: short, and printable.
    fn name<'v>(&mut self, parent: &'v Value, place: &[&'static str]) -> Option<&'v str> {
        let text = self.text(parent, place)?;
        let fault = match text {
            long if long.len() > NAME => Fault::TooLong,
            odd if odd.chars().any(char::is_control) => Fault::Control,
            _ => return Some(text),
        };
        self.blame(place, fault, &Value::from(text));
        None
    }

    fn uuid(&mut self, meta: &Value) -> Option<Uuid> {
        let place = ["meta", "uuid"];
        let text = self.text(meta, &place)?;
        let uuid = Uuid::parse_str(text).ok();
        if uuid.is_none() {
            self.blame(&place, Fault::NotUuid, &Value::from(text));
        }
        uuid
    }

    fn link(&mut self, record: &Record) -> Option<Link> {
        let link = Link::read(record).ok();
        if link.is_none() {
            let signature = record.value().get("signature").unwrap_or(&Value::Null);
            self.blame(&["signature"], Fault::Signature, signature);
        }
        link
    }

    fn ts(&mut self, meta: &Value) -> Option<i64> {
        let place = ["meta", "ts"];
        let value = self.field(meta, &place)?;
        if value.as_i64().is_none() {
            self.blame(&place, Fault::NotInteger, value);
        }
        value.as_i64()
    }
}
