//! Conversations by protocol, ready to be had: asking, and being asked.
//!
//! Whoever asks does so through its [`Context`]: [`request`](Context::request),
//! [`query`](Context::query), [`offer`](Context::offer), [`subscribe`](Context::subscribe) and
//! [`call`](Context::call). Each has a machine of its own that goes through the stages of its
//! [`Protocol`](crate::Protocol), hears only the answers in its conversation, and ends with an
//! [`Outcome`]. Whoever is asked implements [`Participant`].

mod ask;
mod contract;
mod outcome;
mod participant;
mod serve;
mod subscription;

use std::time::Duration;

use tokio::time::Instant;

use crate::{Context, Handle, Message, Performative, Slot};

pub use contract::{Call, Proposal};
pub use outcome::Outcome;
pub use participant::{Answer, Bid, News, Participant, Word};
pub use serve::{Serve, Serving};
pub use subscription::Subscription;

/// The message is none that opens such a conversation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{act}` does not open a conversation by `{protocol}`; {right} does")]
pub struct NoOpening {
    act: String,
    protocol: &'static str,
    right: String,
}

impl NoOpening {
    /// Refuses what does not open a conversation by `protocol`.
    fn check(message: &Message, protocol: crate::Protocol) -> Result<(), Self> {
        let openings = protocol.openings();
        if message.performative.is_some_and(|it| openings.contains(&it)) {
            return Ok(());
        }
        let right: Vec<String> = openings.iter().map(|it| format!("`{it}`")).collect();
        let act = message.act().unwrap_or("nothing").to_owned();
        Err(Self { act, protocol: protocol.name(), right: right.join(" or ") })
    }
}

/// How long the last word of somebody who is stopped may take.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Stops a behaviour once nobody waits for it any more.
#[derive(Debug)]
struct Leash(Handle);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.stop();
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Something else that the initiator says in the conversation that `opening` opened.
fn further(opening: &Message, performative: Performative) -> Message {
    let mut message = Message::text(performative, opening.to.clone(), "");
    for slot in [Slot::ConversationId, Slot::Ontology, Slot::Protocol, Slot::Language] {
        if let Some(value) = opening.slot(&slot) {
            message.set(slot, value);
        }
    }
    message.with(Slot::ReplyWith, Message::new_conversation())
}

/// Says something that nobody waits for.
async fn say(ctx: &Context, message: Message) {
    match tokio::time::timeout(LAST_WORD, ctx.send(message)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a word in a conversation could not be sent"),
        Err(_elapsed) => tracing::debug!("the road took no word in time"),
    }
}
