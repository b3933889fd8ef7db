//! What we asked and wait to be answered: a bounded table.

use std::collections::HashMap;

use tokio::sync::oneshot;
use tokio_xmpp::{jid::Jid, minidom::Element};
use xmpp_parsers::{
    iq::{Iq, IqHeader, IqPayload},
    stanza_error::StanzaError,
};

use crate::chance;

/// Questions that may be open at once; whoever asks more waits.
const OPEN: usize = 64;

/// What came back.
pub(crate) type Answer = Result<Option<Element>, StanzaError>;

/// A question that asks for a change (an IQ of type `set`).
pub(crate) struct Question {
    /// Whom.
    pub(crate) to: Jid,
    /// What.
    pub(crate) payload: Element,
    /// Where the answer goes; who drops its other end waits no more.
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// The open questions, by their identity.
pub(crate) struct Requests {
    open: HashMap<String, (Jid, oneshot::Sender<Answer>)>,
    run: u64,
    next: u64,
}

impl Default for Requests {
    fn default() -> Self {
        Self { open: HashMap::new(), run: u64::from_le_bytes(chance::bytes()), next: 0 }
    }
}

impl Requests {
    /// Whether one more may be asked. What nobody waits for any more is forgotten.
    pub(crate) fn has_room(&mut self) -> bool {
        if self.open.len() >= OPEN {
            self.open.retain(|_, (_, answer)| !answer.is_closed());
        }
        self.open.len() < OPEN
    }

    /// Notes a question and returns it as it is sent.
    pub(crate) fn open(&mut self, question: Question) -> Iq {
        let id = format!("{:016x}-q{}", self.run, self.next);
        self.next += 1;
        let Question { to, payload, answer } = question;
        self.open.insert(id.clone(), (to.clone(), answer));
        Iq::Set { from: None, to: Some(to), id, payload }
    }

    /// Hands an answer to whoever asked; what is no answer to us comes back. Only who was asked
    /// can answer.
    pub(crate) fn close(&mut self, header: &IqHeader, payload: IqPayload) -> Option<IqPayload> {
        let answer = match payload {
            IqPayload::Result(answer) => Ok(answer),
            IqPayload::Error(error) => Err(error),
            asked => return Some(asked),
        };
        let is_asked = |(to, _): &(Jid, _)| header.from.as_ref() == Some(to);
        if self.open.get(&header.id).is_some_and(is_asked)
            && let Some((_, asker)) = self.open.remove(&header.id)
        {
            // Whoever asked may have given up.
            drop(asker.send(answer));
        }
        None
    }

    /// Forgets all: the session is another, and so are the answers.
    pub(crate) fn forget(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(to: &str) -> (Question, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let payload = Element::bare("ping", "urn:xmpp:ping");
        (Question { to: to.parse().unwrap(), payload, answer }, answered)
    }

    fn header(from: &str, id: &str) -> IqHeader {
        IqHeader { from: Some(from.parse().unwrap()), to: None, id: id.to_owned() }
    }

    #[test]
    fn only_who_was_asked_can_answer_and_only_once() {
        let mut requests = Requests::default();
        let (asked, mut answered) = question("pubsub.test");
        let id = requests.open(asked).id().to_owned();
        for (from, id) in [("mallory@test", id.as_str()), ("pubsub.test", "another")] {
            assert!(requests.close(&header(from, id), IqPayload::Result(None)).is_none());
            assert!(answered.try_recv().is_err());
        }
        requests.close(&header("pubsub.test", &id), IqPayload::Result(None));
        assert!(answered.try_recv().unwrap().unwrap().is_none());
        assert!(requests.open.is_empty());
    }

    #[test]
    fn a_full_table_makes_wait_until_somebody_gives_up() {
        let mut requests = Requests::default();
        let mut waiting = Vec::new();
        while requests.has_room() {
            let (asked, answered) = question("pubsub.test");
            requests.open(asked);
            waiting.push(answered);
        }
        assert_eq!(waiting.len(), OPEN);
        waiting.pop();
        assert!(requests.has_room());
    }
}
