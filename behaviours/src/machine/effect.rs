//! What comes of a machine's actions: changes of its variables, of its disk, and of the world.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use runtime::{Address, Chain, Change, Context, Failure, Interrupted, LETTER, Message, POST};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use types::Show;
use uuid::Uuid;

use super::{
    action::{Action, Content, Level, Road, Say, Verb},
    assign::{Assign, Operand},
    scalar::{LONGEST, Scalar},
    text::{Scene, clip},
};
use crate::queue::{self, OUTBOX, Parcel};

/// How much of a field of an item is kept, in bytes.
const FIELD: usize = 1_024;

/// What is still to be done once it is on disk that the machine moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Effect {
    Log { level: Level, text: String },
    Send(Message),
    Steer { verb: Verb, name: String },
    Presence { show: Show, status: Option<String> },
}

/// What comes of a move.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// What is written to disk together with where the machine is.
    pub(super) changes: Vec<Change>,
    pub(super) owed: Vec<Effect>,
}

/// What an action is done in.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) machine: &'a str,
    pub(super) state: &'a str,
    pub(super) heard: Option<&'a Message>,
    pub(super) now: SystemTime,
}

impl Effects {
    /// Does an action as far as it concerns the machine itself, and notes the rest.
    pub(super) fn add(
        &mut self,
        ctx: &Context,
        action: &Action,
        setting: Setting<'_>,
        variables: &mut [Scalar],
    ) -> Result<(), Failure> {
        let Setting { state, heard, now, .. } = setting;
        let scene = Scene { variables: &*variables, heard, state, now };
        match action {
            Action::Assign { variable, how, value } => {
                let value = match value {
                    Operand::Value(value) => Some(value.clone()),
                    Operand::Variable(number) => variables.get(*number).cloned(),
                    Operand::Text(text) => {
                        let own = variables.get(*variable);
                        own.and_then(|own| own.like(&text.fill(scene)))
                    }
                };
                let Some(value) = value else {
                    tracing::warn!(
                        machine.state = state,
                        "a text that is no such value; the variable stays as it was"
                    );
                    return Ok(());
                };
                if let Some(variable) = variables.get_mut(*variable) {
                    assign(variable, *how, value);
                }
            }
            Action::Log { level, text } => {
                let text = text.fill(scene).replace(char::is_control, " ");
                self.owed.push(Effect::Log { level: *level, text });
            }
            Action::Say(say) => self.say(ctx, say, scene)?,
            Action::Keep { kind, text, fields } => {
                let id = Uuid::new_v4();
                let mut more = Map::new();
                more.insert("machine".to_owned(), setting.machine.into());
                more.insert("state".to_owned(), state.into());
                let text = text.fill(scene);
                more.insert("summary".to_owned(), clip(&text, FIELD).into());
                for (name, content) in fields {
                    let value = match content {
                        Content::Value(value) => value.to_json(),
                        Content::Text(text) => clip(&text.fill(scene), FIELD).into(),
                    };
                    more.insert(name.clone(), value);
                }
                let item = item(ctx, id, kind, &text, more)?;
                self.changes.push(queue::push(OUTBOX, id.to_string(), &Parcel::Item(item))?);
            }
            Action::Steer { verb, name } => {
                self.owed.push(Effect::Steer { verb: *verb, name: name.clone() });
            }
            Action::Presence { show, status } => {
                let status = status.as_ref().map(|it| it.fill(scene));
                self.owed.push(Effect::Presence { show: *show, status });
            }
        }
        Ok(())
    }

    fn say(&mut self, ctx: &Context, say: &Say, scene: Scene<'_>) -> Result<(), Failure> {
        let body = say.body.fill(scene);
        let message = match &say.to {
            Some(to) => {
                let to = to.fill(scene);
                (!to.is_empty()).then(|| Message::text(say.act, Address::from(to.as_str()), body))
            }
            None => scene.heard.and_then(|it| it.reply(say.act, body)),
        };
        let Some(mut message) = message else {
            tracing::warn!(
                machine.state = scene.state,
                "there is nobody to say this to: `{}`",
                say.act
            );
            return Ok(());
        };
        for (slot, text) in &say.slots {
            message.set(slot.clone(), text.fill(scene));
        }
        match say.how {
            Road::Send => self.owed.push(Effect::Send(message)),
            Road::Post => {
                let id = Uuid::new_v4().to_string();
                message.from = Some(ctx.me().clone());
                message.set(LETTER, id.as_str());
                let value = serde_json::to_vec(&message)?.into();
                self.changes.push(Change::Push { queue: POST, key: id, value });
            }
        }
        Ok(())
    }
}

/// Numbers stay finite.
fn assign(variable: &mut Scalar, how: Assign, value: Scalar) {
    let value = match (&*variable, value) {
        (Scalar::Number(before), Scalar::Number(value)) => {
            let number = match how {
                Assign::Put => value,
                Assign::Add => before + value,
                Assign::Subtract => before - value,
            };
            Scalar::Number(number.clamp(f64::MIN, f64::MAX) + 0.0)
        }
        (_, Scalar::Text(text)) => Scalar::Text(clip(&text, LONGEST).to_owned()),
        (_, value) => value,
    };
    *variable = value;
}

fn item(
    ctx: &Context,
    id: Uuid,
    kind: &str,
    text: &str,
    more: Map<String, Value>,
) -> Result<Value, serde_json::Error> {
    serde_json::to_value(types::Item {
        version: "1".to_owned(),
        format: "raw".to_owned(),
        meta: types::Meta {
            uuid: id,
            ts: ctx.clock().now_ms().div_euclid(1000),
            kind: kind.to_owned(),
            source: Some(ctx.me().bare().to_owned()),
            more: Map::new(),
        },
        payload: types::Payload { raw: STANDARD.encode(text), more },
        more: Map::new(),
    })
}

impl Effect {
    /// Does it. What does not work out is told in the log.
    pub(super) async fn perform(self, ctx: &Context) -> Result<(), Interrupted> {
        match self {
            Self::Log { level: Level::Debug, text } => tracing::debug!("{text}"),
            Self::Log { level: Level::Info, text } => tracing::info!("{text}"),
            Self::Log { level: Level::Warn, text } => tracing::warn!("{text}"),
            Self::Send(message) => {
                if let Err(error) = ctx.until_stopped(ctx.send(message)).await? {
                    tracing::warn!(error = %Chain(&error), "a machine could not send a message");
                }
            }
            Self::Steer { verb, name } => {
                let handles = ctx.handles();
                let Some(other) = handles.iter().find(|it| it.report().name == name) else {
                    tracing::warn!(
                        behaviour.other = name,
                        "a machine steers a behaviour that is not there"
                    );
                    return Ok(());
                };
                match verb {
                    Verb::Start => {
                        other.resume();
                        if !other.nudge() {
                            tracing::debug!(
                                behaviour.other = name,
                                "a machine starts a behaviour that waits for no time"
                            );
                        }
                    }
                    Verb::Pause => other.pause(),
                    Verb::Resume => other.resume(),
                    Verb::Stop => other.stop(),
                }
            }
            Self::Presence { show, status } => ctx.set_mood(|it| {
                it.show = show;
                it.status = status;
            }),
        }
        Ok(())
    }
}
