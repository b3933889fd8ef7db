//! What an agent says of itself in its presence (RFC 6121 section 4).

use runtime::{AgentId, Clock, Mood};
use tokio_xmpp::minidom::Element;
use types::{Announcement, Presence, Show};
use xmpp_parsers::{
    message::Lang,
    presence::{self, Show as WireShow, Type},
};

use crate::{caps, codec, disco};

/// The namespace of our element in a presence.
pub(crate) const NAMESPACE: &str = "urn:vedette:agent:0";

/// Longest announcement that is read, in characters.
const LONGEST: usize = 16 * 1024;

/// The presence that says: here I am, this is what I do, and how I am.
pub(crate) fn hello(announcement: &Announcement, mood: &Mood) -> presence::Presence {
    let mut hello = presence::Presence::available().with_priority(mood.priority);
    hello.show = match mood.show {
        Show::Available => None,
        Show::Chat => Some(WireShow::Chat),
        Show::Away => Some(WireShow::Away),
        // Nobody who is connected is gone: whoever wants to seem so is away for longer.
        Show::Xa | Show::Unavailable => Some(WireShow::Xa),
        Show::Dnd => Some(WireShow::Dnd),
    };
    if let Some(status) = &mood.status {
        hello.statuses.insert(Lang::default(), codec::sayable(status).into_owned());
    }
    hello.payloads.push(caps::of(&disco::info(announcement)).into());
    // An announcement is text and maps of text: there is nothing that JSON could not say.
    if let Ok(mut said) = serde_json::to_value(announcement) {
        if let Some(said) = said.as_object_mut().filter(|_| mood.load > 0) {
            said.insert("load".to_owned(), mood.load.into());
        }
        let said = codec::sayable(&said.to_string()).into_owned();
        hello.payloads.push(Element::builder("agent", NAMESPACE).append(said).build());
    }
    hello
}

/// The presence that says goodbye.
pub(crate) fn goodbye() -> presence::Presence {
    let mut goodbye = presence::Presence::unavailable();
    goodbye.statuses.insert(Lang::default(), "stopped".to_owned());
    goodbye
}

/// Reads somebody's presence; `None` when it is about subscriptions or an error.
pub(crate) fn read(presence: &presence::Presence, clock: Clock) -> Option<(AgentId, Presence)> {
    let from = presence.from.as_ref()?;
    let show = match (&presence.type_, &presence.show) {
        (Type::Unavailable, _) => Show::Unavailable,
        (Type::None, None) => Show::Available,
        (Type::None, Some(WireShow::Chat)) => Show::Chat,
        (Type::None, Some(WireShow::Away)) => Show::Away,
        (Type::None, Some(WireShow::Xa)) => Show::Xa,
        (Type::None, Some(WireShow::Dnd)) => Show::Dnd,
        _ => return None,
    };
    let said = presence
        .payloads
        .iter()
        .find(|it| it.is("agent", NAMESPACE))
        .map(Element::text)
        .filter(|json| json.len() <= LONGEST)
        .and_then(|json| serde_json::from_str::<serde_json::Value>(&json).ok())
        .unwrap_or_default();
    let load = said.get("load").and_then(serde_json::Value::as_u64).unwrap_or(0).min(100);
    let status = presence.statuses.values().next().map(ToString::to_string);
    let heard = Presence {
        jid: from.to_bare().to_string(),
        show,
        status: status.filter(|it| !it.is_empty()),
        priority: presence.priority.0,
        load: u8::try_from(load).unwrap_or(0),
        since_ms: clock.now_ms(),
        announcement: serde_json::from_value(said).unwrap_or_default(),
        ..Presence::default()
    };
    Some((AgentId::from(from.as_str()), heard))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> presence::Presence {
        let xml = xml.replacen("<presence", "<presence xmlns='jabber:client'", 1);
        presence::Presence::try_from(xml.parse::<Element>().unwrap()).unwrap()
    }

    #[test]
    fn what_is_announced_is_read_again() {
        let announcement = Announcement {
            role: "probe".to_owned(),
            duties: vec!["check".to_owned()],
            version: "0.1.0".to_owned(),
            ..Announcement::default()
        };
        let mood = Mood { load: 40, ..Mood::default() };
        let mut hello = hello(&announcement, &mood);
        hello.from = Some("probe1@test/x".parse().unwrap());
        let (who, heard) = read(&hello, Clock::system()).unwrap();
        assert_eq!(who.as_str(), "probe1@test/x");
        assert_eq!(
            (heard.jid.as_str(), heard.show, heard.priority),
            ("probe1@test", Show::Available, 1)
        );
        assert_eq!((heard.load, heard.announcement), (40, announcement));
    }

    #[test]
    fn a_spade_agent_is_understood() {
        let presence = parse(
            "<presence from='a@test/1'><show>chat</show><priority>5</priority><status>ready</status></presence>",
        );
        let (_, heard) = read(&presence, Clock::system()).unwrap();
        assert_eq!(
            (heard.show, heard.status.as_deref(), heard.priority),
            (Show::Chat, Some("ready"), 5)
        );
        assert_eq!(heard.announcement, Announcement::default());
    }

    #[test]
    fn a_subscription_request_is_no_availability() {
        let presence = parse("<presence from='a@test' type='subscribe'/>");
        assert!(read(&presence, Clock::system()).is_none());
    }

    #[test]
    fn a_broken_announcement_is_none() {
        let presence = parse(
            "<presence from='a@test/1'><agent xmlns='urn:vedette:agent:0'>{</agent></presence>",
        );
        let (_, heard) = read(&presence, Clock::system()).unwrap();
        assert_eq!(heard.announcement, Announcement::default());
    }
}
