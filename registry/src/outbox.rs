//! What was handed to the stream and is not acknowledged by the server yet (XEP-0198).

use std::collections::VecDeque;

use omemo::machine::Kept;
use runtime::{AgentId, Message};
use tokio_xmpp::{
    Stanza,
    jid::Jid,
    minidom::Element,
    stanzastream::{StanzaStage, StanzaState, StanzaStream, StanzaToken},
};
use tracing::warn;
use xmpp_parsers::message;

use crate::{
    codec,
    link::BUSY,
    sealing::{self, Sealer, Way},
};

/// Stanzas that may be under way at once. The stream's own queue is as deep, so that handing one
/// over never waits.
pub(crate) const WINDOW: usize = 256;

/// Times that a message which the stream could not write is tried.
const TRIES: u8 = 2;

/// A message that must get to the server.
#[derive(Debug)]
struct Parcel {
    to: Jid,
    message: Message,
    tries: u8,
}

/// Keeps messages until the server has them, in order.
pub(crate) struct Outbox {
    waiting: VecDeque<Parcel>,
    /// For whom something was asked of the server first.
    held: VecDeque<Parcel>,
    under_way: VecDeque<(Parcel, StanzaToken)>,
    /// When the server counts as having a stanza: acknowledged, or only written where the
    /// server has no stream management.
    stage: StanzaStage,
    full: bool,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            held: VecDeque::new(),
            under_way: VecDeque::new(),
            stage: StanzaStage::Acked,
            full: false,
        }
    }
}

impl Outbox {
    pub(crate) fn push(&mut self, (to, message): (Jid, Message)) {
        self.waiting.push_back(Parcel { to, message, tries: 0 });
    }

    /// Whether another message may be taken in. Once it was full, only when it is half empty:
    /// so messages travel in crowds, and a crowd costs hardly more than one.
    pub(crate) fn has_room(&mut self) -> bool {
        let kept = self.waiting.len() + self.held.len() + self.under_way.len();
        self.full = if self.full { kept > WINDOW / 2 } else { kept >= WINDOW };
        !self.full
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.held.is_empty() && self.under_way.is_empty()
    }

    /// The stream is as good as new; says whether its server acknowledges.
    pub(crate) fn opened(&mut self, acknowledges: bool) {
        self.stage = if acknowledges { StanzaStage::Acked } else { StanzaStage::Sent };
    }

    /// Tries again what waited for an answer of the server.
    pub(crate) fn release_held(&mut self) {
        while let Some(parcel) = self.held.pop_back() {
            self.waiting.push_front(parcel);
        }
    }

    /// Hands everything that waits to the stream, sealed for whom it must be.
    pub(crate) async fn flush(&mut self, stream: &StanzaStream, sealer: Option<&mut Sealer>) {
        let mut ready = match sealer {
            Some(sealer) => self.seal(sealer),
            None => self.waiting.drain(..).map(plain).collect(),
        };
        while let Some((parcel, stanza)) = ready.pop_front() {
            let sending = stream.send(Box::new(Stanza::Message(stanza)));
            let Ok(token) = tokio::time::timeout(BUSY, sending).await else {
                self.waiting.extend(ready.into_iter().map(|(parcel, _)| parcel));
                self.waiting.push_front(parcel);
                return;
            };
            self.under_way.push_back((parcel, token));
        }
    }

    /// Seals everything that waits, in one commit. What cannot be kept goes nowhere.
    fn seal(&mut self, sealer: &mut Sealer) -> VecDeque<(Parcel, message::Message)> {
        let mut written = Vec::with_capacity(self.waiting.len());
        while let Some(parcel) = self.waiting.pop_front() {
            let to = parcel.to.to_bare();
            // One that waits keeps those behind it waiting, so that they arrive in order.
            if self.held.iter().any(|it| it.to.to_bare() == to) {
                self.held.push_back(parcel);
                continue;
            }
            let (parcel, stanza) = plain(parcel);
            match sealer.seal(&AgentId::from(parcel.to.as_str()), &stanza) {
                Way::Plain => written.push((parcel, stanza, None)),
                Way::Sealed(kept) => written.push((parcel, stanza, Some(kept))),
                Way::Wait => self.held.push_back(parcel),
                Way::Refused(why) => {
                    warn!(message.to = %parcel.to, "a message was not sent: {why}");
                }
            }
        }
        let commit = match sealer.commit() {
            Ok(commit) => commit,
            Err(error) => {
                warn!(%error, "what was written cannot be kept, so it is not sent yet");
                self.waiting.extend(written.into_iter().map(|(parcel, ..)| parcel));
                return VecDeque::new();
            }
        };
        let release = |(parcel, stanza, kept): (Parcel, _, Option<Kept<Vec<Element>>>)| {
            let stanza = match kept {
                Some(kept) => sealing::wrap(stanza, kept.release(commit)?),
                None => stanza,
            };
            Some((parcel, stanza))
        };
        written.into_iter().filter_map(release).collect()
    }

    /// Waits until the server has the oldest message under way, or lost it; then forgets it, or
    /// puts it back. Without one under way it waits for ever.
    pub(crate) async fn settle(&mut self) {
        let Some((_, token)) = self.under_way.front_mut() else {
            return std::future::pending().await;
        };
        let state = token.wait_for(self.stage).await;
        let Some((parcel, _)) = self.under_way.pop_front() else { return };
        self.judge(parcel, state);
        // Acknowledgements come for many at once.
        while let Some((_, token)) = self.under_way.front() {
            let state = token.state();
            if StanzaStage::from(&state) != self.stage {
                break;
            }
            self.under_way.pop_front();
        }
    }

    /// Takes back, in order, what the server does not have, since the stream is given up.
    pub(crate) fn take_back(&mut self) {
        while let Some((parcel, token)) = self.under_way.pop_back() {
            let state = token.state();
            if StanzaStage::from(&state) != StanzaStage::Acked {
                self.waiting.push_front(parcel);
            }
        }
    }

    fn judge(&mut self, mut parcel: Parcel, state: Option<StanzaState>) {
        match state {
            Some(StanzaState::Acked { .. } | StanzaState::Sent { .. }) => {}
            // Dropped with a session that could not be resumed: the server may have it or not,
            // so it is sent again; who receives it knows it by its id.
            None | Some(StanzaState::Dropped | StanzaState::Queued) => {
                self.waiting.push_back(parcel);
            }
            Some(StanzaState::Failed { error }) => {
                parcel.tries += 1;
                if parcel.tries < TRIES {
                    self.waiting.push_back(parcel);
                } else {
                    warn!(%error, "a message cannot be sent");
                }
            }
        }
    }
}

fn plain(parcel: Parcel) -> (Parcel, message::Message) {
    let stanza = codec::write_to(parcel.to.clone(), &parcel.message);
    (parcel, stanza)
}
