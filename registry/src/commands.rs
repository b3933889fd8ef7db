//! Commands that people call from their chat client (XEP-0050): calls and pages as forms
//! (XEP-0004), in bounded sessions.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use runtime::{AgentId, Call, Desk, Page};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tokio_xmpp::minidom::Element;
use xmpp_parsers::iq::{Iq, IqHeader};

use self::refusal::{Refusal, refuse};
use crate::{chance, element::element, form};

mod refusal;

pub(crate) const NAMESPACE: &str = "http://jabber.org/protocol/commands";

/// Sessions that may be open at once, and how many of them one account may have.
const SESSIONS: usize = 64;
const EACH: usize = 16;

/// How long a session waits for its caller.
const EXPIRY: Duration = Duration::from_mins(10);

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody is filling in what a command needs.
struct Session {
    caller: AgentId,
    node: String,
    /// What was filled in so far.
    fields: BTreeMap<String, String>,
    used: Instant,
    /// Whether a page is on its way.
    busy: bool,
}

/// What became of a call.
struct Answered {
    header: IqHeader,
    session: String,
    page: Result<Page, Refusal>,
}

/// The sessions of one agent, and the calls that are being served.
pub(crate) struct Commands {
    desk: Desk,
    sessions: BTreeMap<String, Session>,
    serving: FuturesUnordered<BoxFuture<'static, Answered>>,
}

impl Commands {
    pub(crate) fn new(desk: Desk) -> Self {
        Self { desk, sessions: BTreeMap::new(), serving: FuturesUnordered::new() }
    }

    /// Takes a call by somebody who is heard. What can be said at once is returned.
    pub(crate) fn called(&mut self, header: IqHeader, command: &Element) -> Option<Iq> {
        let caller = header.from.as_ref().map(|it| AgentId::from(it.as_str()))?;
        let node = command.attr("node").unwrap_or_default().to_owned();
        let action = command.attr("action").unwrap_or("execute");
        let result = match (command.attr("sessionid"), action) {
            (None, "execute") => self.begin(caller, node, command),
            (Some(id), "execute" | "next" | "complete") => self.go_on(&caller, &node, id, command),
            (Some(id), "cancel") => return Some(self.cancel(header, &caller, &node, id)),
            (_, "next" | "complete" | "prev" | "cancel") => Err(Refusal::BadAction),
            _ => Err(Refusal::Malformed),
        };
        match result {
            Ok(session) => {
                self.serve(header, session);
                None
            }
            Err(refusal) => Some(refuse(header, refusal)),
        }
    }

    /// Waits until a page is there, or will not be; without one on its way it waits for ever.
    pub(crate) async fn answered(&mut self) -> Iq {
        let Some(Answered { header, session, page }) = self.serving.next().await else {
            return std::future::pending().await;
        };
        let Some(open) = self.sessions.get_mut(&session) else {
            // It was cancelled meanwhile.
            return refuse(header, Refusal::BadSession);
        };
        (open.busy, open.used) = (false, Instant::now());
        let node = open.node.clone();
        let is_over = page.as_ref().map_or(true, |it| it.refused || it.fields.is_empty());
        if is_over {
            self.sessions.remove(&session);
        }
        let page = match page {
            Ok(page) => page,
            Err(refusal) => return refuse(header, refusal),
        };
        let status = if is_over { "completed" } else { "executing" };
        let command = form::write(&page, is_over);
        result(header, &node, &session, status, command)
    }

    fn begin(
        &mut self,
        caller: AgentId,
        node: String,
        command: &Element,
    ) -> Result<String, Refusal> {
        let commands = self.desk.commands();
        if commands.is_empty() {
            return Err(Refusal::NobodyServes);
        }
        if !commands.iter().any(|it| it.node == node) {
            return Err(Refusal::NoSuchCommand);
        }
        let now = Instant::now();
        self.sessions.retain(|_, it| it.busy || now.duration_since(it.used) < EXPIRY);
        let own = self.sessions.values().filter(|it| it.caller.bare() == caller.bare()).count();
        if self.sessions.len() >= SESSIONS || own >= EACH {
            return Err(Refusal::TooMany);
        }
        let fields = form::read(command).ok_or(Refusal::BadPayload)?;
        let id = format!("{:032x}", u128::from_le_bytes(chance::bytes()));
        let session = Session { caller, node, fields, used: now, busy: true };
        self.sessions.insert(id.clone(), session);
        Ok(id)
    }

    fn go_on(
        &mut self,
        caller: &AgentId,
        node: &str,
        id: &str,
        command: &Element,
    ) -> Result<String, Refusal> {
        let session = self.sessions.get_mut(id).ok_or(Refusal::BadSession)?;
        if session.caller != *caller || session.node != node || session.busy {
            return Err(Refusal::BadSession);
        }
        if session.used.elapsed() >= EXPIRY {
            self.sessions.remove(id);
            return Err(Refusal::Expired);
        }
        let filled_in = form::read(command).ok_or(Refusal::BadPayload)?;
        session.fields.extend(filled_in);
        if session.fields.len() > form::FIELDS {
            self.sessions.remove(id);
            return Err(Refusal::BadPayload);
        }
        session.busy = true;
        Ok(id.to_owned())
    }

    fn cancel(&mut self, header: IqHeader, caller: &AgentId, node: &str, id: &str) -> Iq {
        if self.sessions.get(id).is_none_or(|it| it.caller != *caller || it.node != node) {
            return refuse(header, Refusal::BadSession);
        }
        self.sessions.remove(id);
        result(header, node, id, "canceled", Vec::new())
    }

    fn serve(&mut self, header: IqHeader, session: String) {
        let Some(open) = self.sessions.get(&session) else { return };
        let (answer, page) = oneshot::channel();
        let (from, node, fields) = (open.caller.clone(), open.node.clone(), open.fields.clone());
        let taken = self.desk.call(Call { from, node, fields, answer }).is_ok();
        self.serving.push(Box::pin(async move {
            let page = match timeout(PATIENCE, page).await {
                _ if !taken => Err(Refusal::TooMany),
                Ok(Ok(page)) => Ok(page),
                Ok(Err(_)) => Err(Refusal::GivenUp),
                Err(_) => Err(Refusal::TooSlow),
            };
            Answered { header, session, page }
        }));
    }
}

fn result(header: IqHeader, node: &str, session: &str, status: &str, inner: Vec<Element>) -> Iq {
    let attributes = [("node", node), ("sessionid", session), ("status", status)];
    let command = element("command", NAMESPACE, &attributes).append_all(inner);
    let payload = Some(command.build());
    Iq::Result { from: None, to: header.from, id: header.id, payload }
}

#[cfg(test)]
mod tests {
    use runtime::{Command, FormField};

    use super::*;

    fn commands() -> (Commands, Desk) {
        let desk = Desk::default();
        desk.offer(vec![Command { node: "run".to_owned(), title: "Run".to_owned() }]);
        (Commands::new(desk.clone()), desk)
    }

    fn header() -> IqHeader {
        let from = Some("person@test/phone".parse().unwrap());
        IqHeader { from, to: None, id: "1".to_owned() }
    }

    fn call(commands: &mut Commands, xml: &str) -> Option<Iq> {
        let xml = xml.replacen("<command", &format!("<command xmlns='{NAMESPACE}'"), 1);
        commands.called(header(), &xml.parse().unwrap())
    }

    fn told(iq: Option<Iq>) -> String {
        String::from(&Element::from(iq.unwrap()))
    }

    fn ask_for_target() -> Page {
        let name = "target".to_owned();
        Page { fields: vec![FormField { name, ..FormField::default() }], ..Page::default() }
    }

    /// Calls, and serves the call with a page.
    async fn served(commands: &mut Commands, desk: &Desk, xml: &str, page: Page) -> Iq {
        assert!(call(commands, xml).is_none());
        desk.next().await.unwrap().answer.send(page).unwrap();
        commands.answered().await
    }

    fn session(iq: Iq) -> String {
        let Iq::Result { payload: Some(command), .. } = iq else { panic!("{iq:?}") };
        command.attr("sessionid").unwrap().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_is_refused_as_the_standard_says() {
        let (mut commands, desk) = commands();
        for (xml, special) in [
            ("<command node='run' action='dance'/>", "malformed-action"),
            ("<command node='run' action='prev'/>", "bad-action"),
            ("<command node='run' action='next'/>", "bad-action"),
            ("<command node='run' sessionid='x'/>", "bad-sessionid"),
            ("<command node='run' sessionid='x' action='cancel'/>", "bad-sessionid"),
            ("<command node='walk'/>", "item-not-found"),
            ("<command/>", "item-not-found"),
        ] {
            let told = told(call(&mut commands, xml));
            assert!(told.contains(special), "{told}");
        }
        desk.offer(Vec::new());
        assert!(told(call(&mut commands, "<command node='run'/>")).contains("service-unavailable"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_does_not_come_is_an_error_and_ends_the_session() {
        let (mut commands, _desk) = commands();
        assert!(call(&mut commands, "<command node='run'/>").is_none());
        let told = told(Some(commands.answered().await));
        assert!(told.contains("remote-server-timeout"), "{told}");
        assert!(commands.sessions.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_cancelled_while_it_is_served_is_over() {
        let (mut commands, desk) = commands();
        let page = ask_for_target();
        let id = session(served(&mut commands, &desk, "<command node='run'/>", page).await);
        let go_on = format!("<command node='run' sessionid='{id}'/>");
        assert!(call(&mut commands, &go_on).is_none());
        // Twice at once is once too often.
        assert!(told(call(&mut commands, &go_on)).contains("bad-sessionid"));
        let cancel = format!("<command node='run' sessionid='{id}' action='cancel'/>");
        assert!(told(call(&mut commands, &cancel)).contains("canceled"));
        desk.next().await.unwrap().answer.send(ask_for_target()).unwrap();
        assert!(told(Some(commands.answered().await)).contains("bad-sessionid"));
        assert!(commands.sessions.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_expires_and_only_its_caller_goes_on_with_it() {
        let (mut commands, desk) = commands();
        let page = ask_for_target();
        let id = session(served(&mut commands, &desk, "<command node='run'/>", page).await);
        let submit = format!("<command xmlns='{NAMESPACE}' node='run' sessionid='{id}'/>");
        let other = IqHeader { from: Some("other@test/1".parse().unwrap()), ..header() };
        let refused = told(commands.called(other, &submit.parse().unwrap()));
        assert!(refused.contains("bad-sessionid"), "{refused}");
        tokio::time::advance(EXPIRY).await;
        let refused = told(commands.called(header(), &submit.parse().unwrap()));
        assert!(refused.contains("session-expired"), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_account_does_not_take_all_sessions() {
        let (mut commands, desk) = commands();
        for _ in 0..EACH {
            served(&mut commands, &desk, "<command node='run'/>", ask_for_target()).await;
        }
        let refused = told(call(&mut commands, "<command node='run'/>"));
        assert!(refused.contains("resource-constraint"), "{refused}");
        let other = IqHeader { from: Some("other@test/1".parse().unwrap()), ..header() };
        let xml = format!("<command xmlns='{NAMESPACE}' node='run'/>");
        assert!(commands.called(other, &xml.parse().unwrap()).is_none());
    }
}
