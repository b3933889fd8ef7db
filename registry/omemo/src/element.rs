//! Writes and reads elements without a type of their own.

use base64::{Engine, engine::general_purpose::STANDARD};
use minidom::{Element, ElementBuilder, rxml::NcName};

/// An element with attributes; an attribute whose name XML does not allow is left out.
pub(crate) fn element(
    name: &str,
    namespace: &str,
    attributes: &[(&'static str, &str)],
) -> ElementBuilder {
    let mut builder = Element::builder(name, namespace);
    for (name, value) in attributes {
        if let Ok(name) = NcName::try_from(*name) {
            builder = builder.attr(name, *value);
        }
    }
    builder
}

/// An element that holds bytes.
pub(crate) fn bytes(
    name: &str,
    namespace: &str,
    attributes: &[(&'static str, &str)],
    bytes: &[u8],
) -> Element {
    element(name, namespace, attributes).append(STANDARD.encode(bytes)).build()
}

/// The bytes in an element, whatever white space a writer put among them.
pub(crate) fn decode(element: &Element) -> Option<Vec<u8>> {
    let mut texts = element.texts();
    // Almost always there is one, and nothing among it.
    if let (Some(text), None) = (texts.next(), texts.next())
        && let Ok(bytes) = STANDARD.decode(text)
    {
        return Some(bytes);
    }
    let mut text = element.text();
    text.retain(|it| !it.is_ascii_whitespace());
    STANDARD.decode(text).ok()
}

/// The bytes in an element, which must be so many.
pub(crate) fn decode_exactly<const N: usize>(element: &Element) -> Option<[u8; N]> {
    decode(element)?.try_into().ok()
}

/// A number in an attribute.
pub(crate) fn number(element: &Element, name: &str) -> Option<u32> {
    element.attr(name)?.trim().parse().ok()
}

/// A truth in an attribute, as XML Schema writes it.
pub(crate) fn is_true(element: &Element, name: &str) -> bool {
    matches!(element.attr(name), Some("true" | "1"))
}
