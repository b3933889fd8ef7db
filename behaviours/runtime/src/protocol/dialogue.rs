//! One conversation with one partner.

use std::time::SystemTime;

use super::{Breach, Protocol, Role, Stage};
use crate::{Message, Performative, Slot};

/// How long a `reply-with` or a message's id may be that is remembered, in bytes.
const LONGEST: usize = 256;
/// How much of an unknown act is told, in characters.
const TOLD: usize = 40;

/// How far one conversation with one partner is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogue {
    protocol: Protocol,
    role: Role,
    stage: Stage,
    last: Option<Performative>,
    due: Option<Due>,
    cancel: Cancel,
    /// The id of the last message of the initiator and of the participant.
    ids: [Option<Box<str>>; 2],
}

/// What is awaited, from whom, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    until: SystemTime,
    /// Who is to answer.
    from: Role,
    /// What is to be answered.
    act: Performative,
    /// Whether it was told that the time is up.
    told: bool,
}

/// Whether the initiator took it back.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cancel {
    Not,
    /// It did, and the answer cannot be told from what was said before.
    Said,
    /// It did, and the answer repeats this.
    Marked(Box<str>),
}

impl Dialogue {
    /// A conversation in which nothing was said yet, with our own role in it.
    pub fn open(protocol: Protocol, role: Role) -> Self {
        Self {
            protocol,
            role,
            stage: Stage::Start,
            last: None,
            due: None,
            cancel: Cancel::Not,
            ids: [None, None],
        }
    }

    /// Its protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Our own role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How far it is.
    pub fn state(&self) -> Stage {
        self.stage
    }

    /// Whether nothing more is due.
    pub fn is_over(&self) -> bool {
        self.stage.is_over()
    }

    /// Until when an answer is awaited, unless it is told already that there was none.
    pub fn deadline(&self) -> Option<SystemTime> {
        self.due.filter(|it| !it.told && !self.is_over()).map(|it| it.until)
    }

    /// Follows what `speaker` says at `now`.
    ///
    /// What must not be said here leaves the conversation where it is. What is said too late is
    /// told as such and counts all the same: whoever asked decides what it is worth.
    ///
    /// A `cancel` may cross what the participant says. Where it carries a `reply-with`, an
    /// `inform` or a `failure` that does not reply to that was said before it was heard; where
    /// it does not, no `inform` or `failure` after a `cancel` is told as wrong.
    ///
    /// The last message of either side may come again, with the same id: that is the road's doing
    /// and says nothing.
    pub fn observe(
        &mut self,
        message: &Message,
        speaker: Role,
        now: SystemTime,
    ) -> Result<(), Breach> {
        let Some(act) = message.performative else {
            let told = |act: &str| Breach::UnknownAct(act.chars().take(TOLD).collect());
            return Err(message.act().map_or(Breach::NoAct, told));
        };
        let [initiators, participants] = &self.ids;
        let said = if speaker == Role::Initiator { initiators } else { participants };
        if said.is_some() && said.as_deref() == message.id.as_deref() {
            return Ok(());
        }
        let stage = self.after(message, act, speaker).ok_or_else(|| self.breach(act, speaker))?;
        let late = self.due.is_some_and(|it| it.from == speaker && now > it.until);
        if act == Performative::Cancel {
            let mark = message.slot(&Slot::ReplyWith).filter(|it| it.len() <= LONGEST);
            self.cancel = mark.map_or(Cancel::Said, |it| Cancel::Marked(it.into()));
        }
        let id = message.id.as_deref().filter(|it| it.len() <= LONGEST).map(Into::into);
        let [initiators, participants] = &mut self.ids;
        *(if speaker == Role::Initiator { initiators } else { participants }) = id;
        self.stage = stage;
        self.last = Some(act);
        let answered = self.due.is_none_or(|it| it.from == speaker);
        if let Some(until) = message.reply_by() {
            self.due = Some(Due { until, from: speaker.other(), act, told: false });
        } else if answered || act == Performative::Cancel {
            self.due = None;
        }
        if late { Err(Breach::Late { act, speaker }) } else { Ok(()) }
    }

    /// That the time for an answer is up at `now` and there was none; told once.
    pub fn overdue(&mut self, now: SystemTime) -> Option<Breach> {
        if self.is_over() {
            return None;
        }
        let due = self.due.as_mut().filter(|it| !it.told && it.until <= now)?;
        due.told = true;
        Some(Breach::Overdue { act: due.act, speaker: due.from.other() })
    }

    /// Where `act` leads to; `None`: it must not be said here.
    fn after(&self, message: &Message, act: Performative, speaker: Role) -> Option<Stage> {
        let result = matches!(act, Performative::Inform | Performative::Failure)
            && speaker == Role::Participant;
        match &self.cancel {
            Cancel::Marked(mark)
                if result
                    && self.stage == Stage::Cancelling
                    && message.slot(&Slot::InReplyTo) != Some(&**mark) =>
            {
                let goes_on = self.protocol == Protocol::Subscribe && act == Performative::Inform;
                Some(if goes_on { Stage::Cancelling } else { Stage::CancelledLate })
            }
            Cancel::Said if result && matches!(self.stage, Stage::Cancelled | Stage::Failed) => {
                Some(self.stage)
            }
            Cancel::Not | Cancel::Said | Cancel::Marked(_) => {
                self.protocol.next(self.stage, act, speaker)
            }
        }
    }

    fn breach(&self, act: Performative, speaker: Role) -> Breach {
        let Some(after) = self.last else {
            let openings = self.protocol.openings().to_vec();
            return Breach::NotOpened { act, openings };
        };
        if self.is_over() {
            return Breach::AfterEnd { act, speaker, stage: self.stage };
        }
        if self.protocol.next(self.stage, act, speaker.other()).is_some() {
            return Breach::WrongSpeaker { act, speaker };
        }
        let acts = self.protocol.acts(self.stage);
        let may = acts.filter(|(by, _)| *by == speaker).map(|(_, act)| act).collect();
        Breach::OutOfTurn { act, speaker, after, may }
    }
}
