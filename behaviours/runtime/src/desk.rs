//! Where people ask an agent to do something: commands with forms (XEP-0050, XEP-0004).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{mpsc, oneshot};

use crate::AgentId;

/// Calls that may wait to be answered; further ones are turned away.
const CALLS: usize = 32;

/// A command that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name for programs: `run`, …
    pub node: String,
    /// Its name for people.
    pub title: String,
}

/// A field of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormField {
    /// Its name for programs.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What stands in it.
    pub value: String,
    /// What can be chosen; none: any text.
    pub options: Vec<String>,
}

/// What somebody sees after a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What it is about.
    pub title: String,
    /// What there is to say.
    pub text: String,
    /// What is still to be filled in; none: it is done.
    pub fields: Vec<FormField>,
    /// Whether it went wrong, or was refused.
    pub refused: bool,
}

/// Somebody calls a command.
#[derive(Debug)]
pub struct Call {
    /// Who, as the server says.
    pub from: AgentId,
    /// Which command.
    pub node: String,
    /// What was filled in, by name; at first nothing.
    pub fields: BTreeMap<String, String>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Page>,
}

/// The commands of one agent and the calls that wait.
#[derive(Clone, Debug)]
pub struct Desk {
    commands: Arc<Mutex<Vec<Command>>>,
    calls: mpsc::Sender<Call>,
    inbox: Arc<tokio::sync::Mutex<mpsc::Receiver<Call>>>,
}

impl Default for Desk {
    fn default() -> Self {
        let (calls, inbox) = mpsc::channel(CALLS);
        Self { commands: Arc::default(), calls, inbox: Arc::new(inbox.into()) }
    }
}

impl Desk {
    /// Says what can be called from now on.
    pub fn offer(&self, commands: Vec<Command>) {
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = commands;
    }

    /// What can be called.
    pub fn commands(&self) -> Vec<Command> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands a call to whoever serves. It comes back when nobody does, or too many wait.
    pub fn call(&self, call: Call) -> Result<(), Call> {
        if self.commands.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return Err(call);
        }
        self.calls.try_send(call).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(call) | mpsc::error::TrySendError::Closed(call) => call,
        })
    }

    /// Waits for the next call. One behaviour of an agent serves.
    pub async fn next(&self) -> Option<Call> {
        self.inbox.lock().await.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> (Call, oneshot::Receiver<Page>) {
        let (answer, page) = oneshot::channel();
        let fields = BTreeMap::new();
        (Call { from: "a@test/1".into(), node: "status".to_owned(), fields, answer }, page)
    }

    #[tokio::test]
    async fn a_call_is_handed_on_only_where_somebody_serves_and_there_is_room() {
        let desk = Desk::default();
        assert!(desk.call(call().0).is_err());
        desk.offer(vec![Command { node: "status".to_owned(), title: "Status".to_owned() }]);
        let (first, page) = call();
        desk.call(first).unwrap();
        for _ in 1..CALLS {
            desk.call(call().0).unwrap();
        }
        assert!(desk.call(call().0).is_err());
        let served = desk.next().await.unwrap();
        served.answer.send(Page { text: "well".to_owned(), ..Page::default() }).unwrap();
        assert_eq!(page.await.unwrap().text, "well");
    }
}
