//! `vedette up`: the whole platform on this machine.
//!
//! What it starts, in this order, and stops in the other: Prosody, the API, the registrar, the
//! aggregator, the analyzer, and every agent of the data folder.

use std::{fs, io, net::SocketAddr, path::Path, time::Duration};

use agents::{
    Config, DiskStore, Hub, LinkState, Operators, Running,
    prosody::{self, Prepared, Prosody, ProsodyError},
};
use api::{Anonymous, Api};
use tokio::time::timeout;

use crate::{
    arguments,
    exit::{self, Answer, Failure},
    signals,
};

mod demo;
mod house;
mod members;
mod operators;
mod ready;
mod trust;

use house::House;
pub(crate) use ready::Ready;
pub(crate) use trust::alone;

/// The domain of the platform's own accounts.
const DOMAIN: &str = "vedette.local";
/// Where the API listens unless it is told or taken.
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);
/// How long agents may take to be connected.
const CONNECT: Duration = Duration::from_secs(30);
/// How long results may take to be handed over before the end.
const HANDOVER: Duration = Duration::from_secs(2);
/// How long the registrar may take to notice that somebody left.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long stopping may take in all.
const STOP: Duration = Duration::from_secs(10);

pub(crate) async fn run(arguments: arguments::Up) -> Result<Answer, Failure> {
    let house = House::open(&arguments.data)?;
    let platform = tokio::select! {
        platform = Platform::start(&house, &arguments) => platform?,
        signal = signals::stop() => {
            tracing::info!(signal, "stopped before everything ran");
            return Ok(Answer::Yes);
        }
    };
    house.write_ready(&platform.ready())?;
    exit::result(&platform.welcome(&house));
    let signal = signals::stop().await;
    tracing::info!(signal, "stopping");
    house.remove_ready();
    if timeout(STOP, platform.stop()).await.is_err() {
        tracing::warn!("some part did not stop in time and is left to end with this process");
    }
    Ok(Answer::Yes)
}

/// Everything that runs.
struct Platform {
    prosody: Prosody,
    api: Api,
    registrar: Running,
    aggregator: Running,
    analyzer: Running,
    agents: Vec<Running>,
}

impl Platform {
    async fn start(house: &House, arguments: &arguments::Up) -> Result<Self, Failure> {
        let settings = api_config(house, arguments)?;
        prepare(house, prosody::USUAL_PORT)?;
        if arguments.demo {
            demo::write(house, settings.listen)?;
        }
        members::give_passwords(house, arguments.demo)?;
        let disk = DiskStore::open(&house.file("state")).await.map_err(Failure::work)?;
        let revoked = trust::revoked(&disk)?;
        let is_welcome = |it: &Config| {
            let jid = it.account.jid.as_str();
            let welcome = !revoked.contains(jid);
            if !welcome {
                tracing::warn!(agent.jid = jid, "`{jid}` was revoked and is not started");
            }
            welcome
        };
        let mut found = members::read(house, arguments.demo)?;
        found.retain(is_welcome);
        let operators = operators::read(house)?;
        let prosody = start_server(house, &found, &operators).await?;
        let (api, settings) = listen(settings, arguments).await?;
        tracing::info!(xmpp.address = %prosody.address(), "the XMPP server runs");
        let hub = Hub::default();
        let registry = trust::registry(house)?;
        let enrolled = |config: Config| {
            let config = config.over(&prosody).answering(&operators);
            if config.account.jid.domain().as_str() == DOMAIN {
                return trust::enrol(house, registry, config);
            }
            config
        };
        let start =
            |config: Config| Running::start_beside(config, &disk, &hub).map_err(Failure::work);
        let own = house::write_platform(house, &settings, &found)?;
        if arguments.demo {
            // Only now is it known where the API listens.
            demo::write(house, settings.listen)?;
        }
        let registrar = enrolled(own.registrar);
        let mut agents = members::read(house, arguments.demo)?;
        agents.retain(|it| !revoked.contains(it.account.jid.as_str()));
        let agents: Vec<Config> =
            [own.aggregator, own.analyzer].into_iter().chain(agents).map(enrolled).collect();
        let ours = agents.iter().filter(|it| it.trust.is_some());
        let vouched: Result<Vec<_>, Failure> =
            [&registrar].into_iter().chain(ours).map(trust::member).collect();
        registrar.notary.vouch(vouched?);
        let registrar = start(registrar)?;
        let mut agents = agents.into_iter();
        let aggregator = agents.next().ok_or_else(|| Failure::work("there is no aggregator"))?;
        let aggregator = start(aggregator)?;
        let analyzer = agents.next().ok_or_else(|| Failure::work("there is no analyzer"))?;
        let analyzer = start(analyzer)?;
        let agents: Result<Vec<Running>, Failure> = agents.map(start).collect();
        let platform = Self { prosody, api, registrar, aggregator, analyzer, agents: agents? };
        platform.connected().await?;
        Ok(platform)
    }

    /// Waits until every agent is connected.
    async fn connected(&self) -> Result<(), Failure> {
        let own = [&self.registrar, &self.aggregator, &self.analyzer];
        for agent in own.into_iter().chain(&self.agents) {
            match agent.connected(CONNECT).await {
                LinkState::Online => {}
                LinkState::Refused(error) => return Err(Failure::work(error.to_string())),
                // It goes on trying, and the dashboard shows that it is not there.
                state => tracing::warn!(agent.jid = agent.jid(), ?state, "not connected yet"),
            }
        }
        Ok(())
    }

    fn ready(&self) -> Ready {
        Ready {
            http: format!("http://{}", self.api.address()),
            xmpp: self.prosody.address().to_string(),
            domain: DOMAIN.to_owned(),
            pid: std::process::id(),
        }
    }

    fn welcome(&self, house: &House) -> String {
        let agents = self.agents.len();
        let count = match agents {
            0 => format!("no agents yet: put their files into {}", house.file("agents").display()),
            1 => "1 agent".to_owned(),
            many => format!("{many} agents"),
        };
        format!(
            "vedette is up\n  dashboard  http://{}\n  token      {} (for writing)\n  xmpp       {} \
             ({DOMAIN})\n  agents     {count}\n  stop       Ctrl-C",
            self.api.address(),
            house.file("admin.token").display(),
            self.prosody.address(),
        )
    }

    /// Stops everything: first who makes results, last who keeps them.
    async fn stop(self) {
        let Self { prosody, api, registrar, aggregator, analyzer, agents } = self;
        for agent in &agents {
            agent.hush();
        }
        for agent in agents.iter().chain([&analyzer]) {
            agent.stop().await;
            registrar.sees_gone(agent.jid(), FAREWELL).await;
        }
        // What is on its way is on disk and would be delivered next time; it is nicer now.
        for agent in [&registrar, &aggregator] {
            agent.empty(HANDOVER).await;
        }
        tokio::join!(registrar.stop(), aggregator.stop());
        api.stop().await;
        prosody.stop().await;
    }
}

/// The API's configuration: a file's, or the platform's own.
fn api_config(house: &House, arguments: &arguments::Up) -> Result<api::Config, Failure> {
    let mut config = match &arguments.config {
        Some(file) => api::Config::read(file).map_err(Failure::call)?,
        None => house.api_config(arguments.listen.unwrap_or(LISTEN)),
    };
    if let Some(listen) = arguments.listen {
        config.listen = listen;
    }
    if arguments.config.is_none() && !config.listen.ip().is_loopback() {
        // Only who sits at this machine may look without a token.
        config.auth.anonymous = Anonymous::None;
    }
    house.add_tokens(&mut config);
    config.tsa.own.get_or_insert_with(|| house.file("tsa"));
    Ok(config)
}

/// Listens where it was told to, or from the usual port on where there is room.
async fn listen(
    mut config: api::Config,
    arguments: &arguments::Up,
) -> Result<(Api, api::Config), Failure> {
    let told = arguments.listen.is_some() || arguments.config.is_some();
    loop {
        match Api::start(config.clone()).await {
            Ok(api) => {
                config.listen = api.address();
                return Ok((api, config));
            }
            Err(api::StartError::Taken(address)) if !told && address.port() < u16::MAX => {
                tracing::warn!(http.address = %address, "{address} is taken; trying the next port");
                config.listen.set_port(address.port() + 1);
            }
            Err(error @ api::StartError::Taken(_)) => {
                return Err(Failure::work(error).hint("choose another one with --listen"));
            }
            Err(error) => return Err(Failure::work(error)),
        }
    }
}

/// Writes what the XMPP server needs, and makes sure that there is one.
fn prepare(house: &House, port: u16) -> Result<Prepared, Failure> {
    Prosody::prepare(&house.file("xmpp"), DOMAIN, port).map_err(Failure::work)
}

/// Starts the XMPP server at its usual port, or the next that is free.
async fn start_server(
    house: &House,
    members: &[Config],
    operators: &Operators,
) -> Result<Prosody, Failure> {
    let mut wanted = prosody::USUAL_PORT;
    loop {
        let port = prosody::free_port(wanted)
            .ok_or_else(|| Failure::work("no free port for the XMPP server"))?;
        let prepared = prepare(house, port)?;
        members::open_accounts(house, &prepared, members).await?;
        operators::open_accounts(house, &prepared, operators).await?;
        match prepared.start().await {
            Ok(server) if port != prosody::USUAL_PORT => {
                let usual = prosody::USUAL_PORT;
                tracing::warn!("port {usual} is taken; the XMPP server uses {port}");
                return Ok(server);
            }
            Ok(server) => return Ok(server),
            // Somebody was quicker.
            Err(ProsodyError::Taken(port)) => wanted = port.saturating_add(1),
            Err(error) => return Err(Failure::work(error)),
        }
    }
}

/// Writes a file of the platform in one step.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let unfinished = path.with_extension("unfinished");
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error: io::Error| {
        Failure::work(format!("cannot write `{}`: {error}", path.display()))
    })
}
