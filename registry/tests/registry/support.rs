//! What the tests share: servers, agents, ears and mouths.

use std::time::Duration;
use std::{collections::HashSet, fs, net::SocketAddr, ops::ControlFlow, path::PathBuf, sync::Arc};

use registry::{
    Account, LinkState, Roots, Server, Subscriptions, XmppRoad,
    prosody::{Prosody, ProsodyError, free_port},
};
use runtime::{
    Agent, AgentHandle, AgentId, Context, Cyclic, Errand, Failure, MemoryStore, Message, OneShot,
    Performative, Road, SendError, Sending, Spec, Task, Template,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use types::Announcement;

use crate::ejabberd;

pub(crate) const PASSWORD: &str = "correct horse";

/// Runs tests over both servers: each is a function that takes one.
macro_rules! over_both {
    ($($name:ident),+ $(,)?) => {
        mod over_prosody {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                Box::pin(super::$name(crate::support::Kind::Prosody)).await;
            })+
        }
        mod over_ejabberd {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                Box::pin(super::$name(crate::support::Kind::Ejabberd)).await;
            })+
        }
    };
}
pub(crate) use over_both;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Prosody,
    Ejabberd,
}

enum Running {
    Prosody(Prosody),
    Ejabberd(ejabberd::Domain),
}

/// A domain of a real server with accounts, gone when dropped.
pub(crate) struct World {
    server: Running,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn with(kind: Kind, accounts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = match kind {
            Kind::Prosody => Running::Prosody(prosody(&folder, accounts).await),
            Kind::Ejabberd => {
                let domain = ejabberd::Domain::fresh().await;
                for account in accounts {
                    domain.add(account, PASSWORD).await;
                }
                Running::Ejabberd(domain)
            }
        };
        Self { server, folder }
    }

    /// The server that is ours.
    pub(crate) fn prosody(&self) -> &Prosody {
        match &self.server {
            Running::Prosody(prosody) => prosody,
            Running::Ejabberd(_) => panic!("this is a test for Prosody alone"),
        }
    }

    pub(crate) fn domain(&self) -> &str {
        match &self.server {
            Running::Prosody(prosody) => prosody.domain(),
            Running::Ejabberd(domain) => &domain.name,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match &self.server {
            Running::Prosody(prosody) => prosody.address(),
            Running::Ejabberd(domain) => domain.server.address(),
        }
    }

    pub(crate) fn authority(&self) -> PathBuf {
        match &self.server {
            Running::Prosody(prosody) => prosody.authority(),
            Running::Ejabberd(domain) => domain.server.authority(),
        }
    }

    /// What the server says of this domain.
    pub(crate) fn log(&self) -> String {
        match &self.server {
            Running::Prosody(_) => {
                fs::read_to_string(self.folder.path().join("prosody.log")).unwrap()
            }
            Running::Ejabberd(domain) => {
                let log = domain.server.log();
                let of_ours = log.lines().filter(|it| it.contains(&domain.name));
                of_ours.collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// Makes an account, or sets its password anew.
    pub(crate) async fn add(&self, name: &str, password: &str) {
        match &self.server {
            Running::Prosody(prosody) => prosody.add(name, &password.into()).await.unwrap(),
            Running::Ejabberd(domain) => domain.add(name, password).await,
        }
    }

    pub(crate) fn jid(&self, name: &str) -> AgentId {
        format!("{name}@{}", self.domain()).into()
    }

    pub(crate) fn account(&self, name: &str) -> Account {
        let jid = self.jid(name).as_str().parse().unwrap();
        let server = Server::At(self.address().to_string());
        let roots = Roots::File(self.authority());
        let registrar = self.jid("registry");
        Account {
            jid,
            password: PASSWORD.into(),
            server,
            roots,
            registrar,
            contacts: Vec::new(),
            wants: vec!["aggregate".to_owned()],
            subscriptions: Subscriptions::default(),
            pubsub: None,
        }
    }

    /// The same with contacts.
    pub(crate) fn account_with(&self, name: &str, contacts: &[&str]) -> Account {
        let contacts = contacts.iter().map(|it| self.jid(it)).collect();
        Account { contacts, ..self.account(name) }
    }

    pub(crate) fn agent(&self, name: &str, role: &str, duties: &[&str]) -> Agent {
        let duties = duties.iter().map(|it| (*it).to_owned()).collect();
        let announcement =
            Announcement { role: role.to_owned(), duties, ..Announcement::default() };
        Agent::new(self.jid(name), announcement, Arc::new(MemoryStore::default()))
            .with_registrar(self.jid("registry"))
    }
}

async fn prosody(folder: &TempDir, accounts: &[&str]) -> Prosody {
    // Tests run at the same time: the port may be taken between looking and starting.
    let mut wanted = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = free_port(wanted).unwrap();
        let prepared = Prosody::prepare(folder.path(), "test.vedette", port).unwrap();
        for account in accounts {
            prepared.add(account, &PASSWORD.into()).await.unwrap();
        }
        match prepared.start().await {
            Ok(prosody) => return prosody,
            Err(ProsodyError::Taken(port)) => wanted = port + 17,
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub(crate) fn start(agent: Agent, account: Account) -> (AgentHandle, XmppRoad) {
    let road = XmppRoad::connect(account, agent.door().clone()).unwrap();
    (agent.start(Arc::new(road.clone())), road)
}

/// Waits until the road is in a state.
pub(crate) async fn state(road: &XmppRoad, wanted: fn(&LinkState) -> bool) -> LinkState {
    within(road.state().wait_for(wanted)).await.unwrap().clone()
}

/// Waits until the server has the agent's presence: it handles stanzas in order, and answers this
/// after that.
pub(crate) async fn online(road: &XmppRoad) {
    state(road, |it| matches!(it, LinkState::Online)).await;
    drop(run(road, Errand::Unfollow("nobody@nowhere".into())).await);
}

pub(crate) async fn run(road: &XmppRoad, errand: Errand) -> Result<(), SendError> {
    match road.run(errand) {
        Sending::Done(result) => result,
        Sending::Later(result) => within(result).await,
    }
}

/// Has a behaviour of the agent run an errand.
pub(crate) async fn decide(agent: &AgentHandle, errand: Errand) {
    let (done, mut result) = mpsc::channel(1);
    agent.add(Spec::default(), move || OneShot(Hand(errand.clone(), done.clone()))).unwrap();
    within(result.recv()).await.unwrap().unwrap();
}

struct Hand(Errand, mpsc::Sender<Result<(), SendError>>);

impl Task for Hand {
    const NAME: &'static str = "hand";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let result = ctx.run(self.0.clone()).await;
        drop(self.1.send(result).await);
        Ok(ControlFlow::Break(()))
    }
}

/// Passes on what it hears.
pub(crate) struct Ear(pub(crate) mpsc::Sender<Arc<Message>>);

impl Task for Ear {
    const NAME: &'static str = "ear";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let message = ctx.receive().await?;
        Ok(match self.0.send(message).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        })
    }
}

/// Says the numbers from 0 on.
pub(crate) struct Mouth {
    pub(crate) to: AgentId,
    pub(crate) count: usize,
    pub(crate) pause: Duration,
}

impl Task for Mouth {
    const NAME: &'static str = "mouth";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        for number in 0..self.count {
            let text = number.to_string();
            ctx.send(Message::text(Performative::Inform, self.to.clone(), text)).await?;
            if number % 16 == 0 {
                ctx.sleep(self.pause).await?;
            }
        }
        Ok(ControlFlow::Break(()))
    }
}

pub(crate) fn listen(agent: &mut Agent) -> mpsc::Receiver<Arc<Message>> {
    listen_with(agent, Template::Any, 65_536, 65_536)
}

/// Listens to some; so many messages may wait in the mailbox, and so many to be looked at.
pub(crate) fn listen_with(
    agent: &mut Agent,
    template: Template,
    mailbox: usize,
    ahead: usize,
) -> mpsc::Receiver<Arc<Message>> {
    let (sender, heard) = mpsc::channel(ahead);
    let spec = Spec { template, mailbox, ..Spec::default() };
    agent.add(spec, move || Cyclic(Ear(sender.clone())));
    heard
}

pub(crate) fn say(agent: &mut Agent, to: AgentId, count: usize, pause: Duration) {
    agent.add(Spec::default(), move || OneShot(Mouth { to: to.clone(), count, pause }));
}

/// Hears numbers until each below `count` came, and returns how many came twice.
pub(crate) async fn hear_all(heard: &mut mpsc::Receiver<Arc<Message>>, count: usize) -> usize {
    let (mut numbers, mut twice) = (HashSet::new(), 0);
    while numbers.len() < count {
        let message = within(heard.recv()).await.unwrap();
        if !numbers.insert(message.body.parse::<usize>().unwrap()) {
            twice += 1;
        }
    }
    twice
}

/// Waits for what must come soon.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("this takes too long")
}
