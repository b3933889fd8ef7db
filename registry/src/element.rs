//! Writes an element that the readers of stanzas have no type for.

use tokio_xmpp::minidom::{Element, ElementBuilder, rxml::NcName};

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
