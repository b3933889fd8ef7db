//! What we can do, in a word that fits in a presence: entity capabilities (XEP-0115).

use xmpp_parsers::{
    caps::{Caps, hash_caps},
    data_forms::DataForm,
    disco::DiscoInfoResult,
    hashes::{Algo, Hash},
};

/// What our program is called.
pub(crate) const NODE: &str = "urn:vedette:agent:0";

/// The capabilities that go with these features.
pub(crate) fn of(info: &DiscoInfoResult) -> Caps {
    // SHA-1, since that is what everybody reads; the function knows it and cannot fail.
    let hash = hash_caps(digested(info).as_bytes(), Algo::Sha_1);
    Caps::new(NODE, hash.unwrap_or(Hash { algo: Algo::Sha_1, hash: Vec::new() }))
}

/// The text that is digested (section 5.1): everything sorted by its bytes, each followed by `<`.
fn digested(info: &DiscoInfoResult) -> String {
    let mut identities: Vec<String> = info
        .identities
        .iter()
        .map(|it| {
            let [lang, name] = [&it.lang, &it.name].map(|it| it.as_deref().unwrap_or_default());
            format!("{}/{}/{lang}/{name}", it.category, it.type_)
        })
        .collect();
    identities.sort_unstable();
    let mut forms: Vec<(&str, &DataForm)> =
        info.extensions.iter().filter_map(|it| Some((it.form_type()?, it))).collect();
    forms.sort_unstable_by_key(|(name, _)| *name);
    let mut text: Vec<&str> = identities.iter().map(String::as_str).collect();
    // A sorted set.
    text.extend(info.features.iter().map(String::as_str));
    for (name, form) in forms {
        text.push(name);
        let mut fields: Vec<(&str, Vec<&str>)> = form
            .fields
            .iter()
            .filter_map(|it| {
                let name = it.var.as_deref().filter(|it| *it != "FORM_TYPE")?;
                Some((name, it.values.iter().map(String::as_str).collect()))
            })
            .collect();
        fields.sort_unstable();
        for (name, mut values) in fields {
            values.sort_unstable();
            text.push(name);
            text.append(&mut values);
        }
    }
    text.into_iter().flat_map(|it| [it, "<"]).collect()
}

#[cfg(test)]
mod tests {
    use tokio_xmpp::minidom::Element;
    use xmpp_parsers::caps::query_caps;

    use super::*;

    fn hash(xml: &str) -> String {
        let info = DiscoInfoResult::try_from(xml.parse::<Element>().unwrap()).unwrap();
        query_caps(of(&info)).node.unwrap().replace("urn:vedette:agent:0#", "")
    }

    #[test]
    fn the_simple_example_of_the_standard_has_its_hash() {
        let xml = "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='client' name='Exodus 0.9.1' type='pc'/>\
             <feature var='http://jabber.org/protocol/caps'/>\
             <feature var='http://jabber.org/protocol/disco#info'/>\
             <feature var='http://jabber.org/protocol/disco#items'/>\
             <feature var='http://jabber.org/protocol/muc'/></query>";
        assert_eq!(hash(xml), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }

    #[test]
    fn the_complex_example_of_the_standard_has_its_hash() {
        let xml = "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>\
             <identity xml:lang='el' category='client' name='\u{3a8} 0.11' type='pc'/>\
             <feature var='http://jabber.org/protocol/caps'/>\
             <feature var='http://jabber.org/protocol/disco#info'/>\
             <feature var='http://jabber.org/protocol/disco#items'/>\
             <feature var='http://jabber.org/protocol/muc'/>\
             <x xmlns='jabber:x:data' type='result'>\
             <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>\
             <field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field>\
             <field var='os'><value>Mac</value></field>\
             <field var='os_version'><value>10.5.1</value></field>\
             <field var='software'><value>Psi</value></field>\
             <field var='software_version'><value>0.11</value></field></x></query>";
        assert_eq!(hash(xml), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
    }

    #[test]
    fn a_feature_that_begins_like_another_comes_after_it() {
        let xml = "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='a' type='b'/><feature var='x#y'/><feature var='x'/></query>";
        let info = DiscoInfoResult::try_from(xml.parse::<Element>().unwrap()).unwrap();
        assert_eq!(digested(&info), "a/b//<x<x#y<");
    }
}
