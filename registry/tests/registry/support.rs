use std::{collections::HashSet, ops::ControlFlow, sync::Arc, time::Duration};

use registry::{
    Account, Roots, Server, XmppRoad,
    prosody::{Prosody, ProsodyError, free_port},
};
use runtime::{
    Agent, AgentHandle, AgentId, Context, Cyclic, Failure, MemoryStore, Message, OneShot,
    Performative, Spec, Task, Template,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use types::Announcement;

pub(crate) const DOMAIN: &str = "test.vedette";
pub(crate) const PASSWORD: &str = "correct horse";

/// A real server with accounts, gone when dropped.
pub(crate) struct World {
    pub(crate) prosody: Prosody,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn with(accounts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Tests run at the same time: the port may be taken between looking and starting.
        let mut wanted = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
        let prosody = loop {
            let port = free_port(wanted).unwrap();
            let prepared = Prosody::prepare(folder.path(), DOMAIN, port).unwrap();
            for account in accounts {
                prepared.add(account, &PASSWORD.into()).await.unwrap();
            }
            match prepared.start().await {
                Ok(prosody) => break prosody,
                Err(ProsodyError::Taken(port)) => wanted = port + 17,
                Err(error) => panic!("{error:?}"),
            }
        };
        Self { prosody, folder }
    }

    pub(crate) fn account(&self, name: &str) -> Account {
        Account {
            jid: format!("{name}@{DOMAIN}").parse().unwrap(),
            password: PASSWORD.into(),
            server: Server::At(self.prosody.address().to_string()),
            roots: Roots::File(self.prosody.authority()),
            registrar: format!("registry@{DOMAIN}").as_str().into(),
            contacts: Vec::new(),
            wants: vec!["aggregate".to_owned()],
        }
    }
}

pub(crate) fn jid(name: &str) -> AgentId {
    format!("{name}@{DOMAIN}").into()
}

pub(crate) fn agent(name: &str, role: &str, duties: &[&str]) -> Agent {
    let duties = duties.iter().map(|it| (*it).to_owned()).collect();
    let announcement = Announcement { role: role.to_owned(), duties, ..Announcement::default() };
    Agent::new(jid(name), announcement, Arc::new(MemoryStore::default()))
        .with_registrar(jid("registry"))
}

pub(crate) fn start(agent: Agent, account: Account) -> (AgentHandle, XmppRoad) {
    let road = XmppRoad::connect(account, agent.door().clone()).unwrap();
    (agent.start(Arc::new(road.clone())), road)
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
    let (sender, heard) = mpsc::channel(65_536);
    let spec = Spec { template: Template::Any, mailbox: 65_536, ..Spec::default() };
    agent.add(spec, move || Cyclic(Ear(sender.clone())));
    heard
}

pub(crate) fn say(agent: &mut Agent, to: &str, count: usize, pause: Duration) {
    let to = jid(to);
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
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("this takes too long")
}
