//! The API as a whole: opened, served, stopped.

use std::{
    fs::OpenOptions,
    io,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, HttpServer,
    dev::ServerHandle,
    middleware::from_fn,
    web::{self, Data},
};
use evidence::{
    AnchorError, Authority, OwnAuthority, OwnAuthorityError,
    client::{Client, ClientError, Endpoint},
};
use sea_orm::DbErr;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

use crate::{
    auth::{self, Gate, TokenFileError},
    clock,
    config::{self, Config},
    integrity::Integrity,
    metrics::Metrics,
    renewal::Renewer,
    routes,
    stamper::{Asked, Stamper},
    state::State,
    store::Store,
};

/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(75);
/// How long requests that are being answered may take once the API is asked to stop, in seconds.
const FAREWELL: u64 = 1;
/// How long the writer may take for what was promised.
const LAST_WRITES: Duration = Duration::from_secs(1);
/// Most threads that answer requests.
const WORKERS: usize = 4;

/// The API, running.
#[derive(Debug)]
pub struct Api {
    address: SocketAddr,
    handle: ServerHandle,
    closing: CancellationToken,
    tasks: TaskTracker,
}

/// Why the API could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens there.
    #[error("address {0} is taken")]
    Taken(SocketAddr),
    /// It is not possible to listen there.
    #[error("could not listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The database could not be opened or brought up to date.
    #[error("could not open the database `{}`", file.display())]
    Database {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        cause: DbErr,
    },
    /// The file of the database could not be made.
    #[error("could not make the database `{}`", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A token could not be had.
    #[error("could not prepare the tokens")]
    Token(#[source] TokenFileError),
    /// The tokens could not be stored.
    #[error("could not store the tokens: {0}")]
    Tokens(String),
    /// The certificates of an authority could not be read.
    #[error("could not read the certificates in `{}`", file.display())]
    AnchorFile {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The certificates of an authority are not what they should be.
    #[error("could not use the certificates in `{}`", file.display())]
    Anchor {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        cause: AnchorError,
    },
    /// The authorities that are to be asked cannot be.
    #[error("could not ask the authorities in `tsa.urls`")]
    Client(#[source] ClientError),
    /// The own authority could not be opened or made.
    #[error("could not open the authority in `{}`", folder.display())]
    Authority {
        /// Where.
        folder: PathBuf,
        /// Why.
        #[source]
        cause: OwnAuthorityError,
    },
}

impl Api {
    /// Opens the database, brings it up to date, prepares tokens and authorities, and listens.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        let state = Data::new(open(&config, &tasks, &closing).await?);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .wrap(from_fn(routes::dress))
                .configure(routes::configure)
                .default_service(web::to(routes::not_found))
        })
        .workers(std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS))
        .client_request_timeout(HEAD)
        .keep_alive(IDLE)
        .shutdown_timeout(FAREWELL)
        .disable_signals()
        .bind(config.listen)
        .map_err(|cause| match cause.kind() {
            io::ErrorKind::AddrInUse => StartError::Taken(config.listen),
            _ => StartError::Listen { address: config.listen, cause },
        })?;
        let address = server.addrs().first().copied().unwrap_or(config.listen);
        let server = server.run();
        let handle = server.handle();
        tasks.spawn(async move {
            if let Err(cause) = server.await {
                error!(error = %cause, "the HTTP server failed: {cause}");
            }
        });
        tasks.close();
        info!(http.address = %address, "listening on http://{address}");
        Ok(Self { address, handle, closing, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every stream, answers what is being asked, writes what was promised, and stops.
    pub async fn stop(self) {
        self.closing.cancel();
        self.handle.stop(true).await;
        if tokio::time::timeout(LAST_WRITES, self.tasks.wait()).await.is_err() {
            error!("stopped before everything was written");
        }
    }

    /// Waits until it has stopped, for whatever reason.
    pub async fn wait(&self) {
        self.tasks.wait().await;
    }
}

async fn open(
    config: &Config,
    tasks: &TaskTracker,
    closing: &CancellationToken,
) -> Result<State, StartError> {
    let (own, authorities, anchors) = trusted(&config.tsa)?;
    let own = own.map(Arc::new);
    let credentials = auth::credentials(&config.auth.tokens).map_err(StartError::Token)?;
    make(&config.database)
        .map_err(|cause| StartError::File { file: config.database.clone(), cause })?;
    let failed = |cause| StartError::Database { file: config.database.clone(), cause };
    let (store, hub) = Store::open(&config.database, tasks).await.map_err(failed)?;
    let failed = |cause: crate::store::StoreError| StartError::Tokens(cause.to_string());
    store.keep_tokens(credentials).await.map_err(failed)?;
    let gate = Gate::new(config.auth.anonymous, store.tokens().await.map_err(failed)?);
    let integrity = Arc::new(Integrity::beside(&config.database));
    let authorities: Arc<[Authority]> = authorities.into();
    let (checked, whole, trusted) =
        (Arc::clone(&integrity), store.clone(), Arc::clone(&authorities));
    let ending = closing.clone();
    tasks.spawn(async move {
        ending.run_until_cancelled(checked.check(&whole, &trusted)).await;
    });
    if let Some(asked) = asked(&config.tsa, own.as_ref(), &authorities)? {
        let asked = Arc::new(asked);
        let renewer = Renewer {
            store: store.clone(),
            asked: Arc::clone(&asked),
            authorities: Arc::clone(&authorities),
            before: config.tsa.renew,
            hash: config.tsa.hash,
        };
        tasks.spawn(renewer.run(closing.clone()));
        let stamper = Stamper {
            store: store.clone(),
            asked,
            authorities: Arc::clone(&authorities),
            integrity: Arc::clone(&integrity),
            patience: config.tsa.patience,
        };
        tasks.spawn(stamper.run(closing.clone()));
    }
    Ok(State {
        store,
        hub,
        gate,
        limits: config.limits.clone(),
        authorities,
        integrity,
        anchors,
        own,
        metrics: Metrics::default(),
        started_ms: clock::now_ms(),
        missing: tokio::sync::Mutex::default(),
        orders: tokio::sync::Notify::new(),
        closing: closing.clone(),
    })
}

/// Makes the file of the database when it is absent, for its owner only: what checks found is nobody
/// else's business.
fn make(database: &Path) -> io::Result<()> {
    if let Some(folder) = database.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(database)?;
    Ok(())
}

/// Whose tokens are believed, and their certificates.
type Trusted = (Option<OwnAuthority>, Vec<Authority>, String);

fn trusted(tsa: &config::Tsa) -> Result<Trusted, StartError> {
    let mut authorities = Vec::new();
    let mut anchors = String::new();
    let own = match &tsa.own {
        Some(folder) => {
            let own = OwnAuthority::open(folder)
                .map_err(|cause| StartError::Authority { folder: folder.clone(), cause })?;
            authorities.push(own.authority());
            anchors.push_str(own.anchor_pem());
            Some(own)
        }
        None => None,
    };
    for file in &tsa.anchors {
        let pem = std::fs::read_to_string(file)
            .map_err(|cause| StartError::AnchorFile { file: file.clone(), cause })?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let authority = Authority::from_pem(&name, pem.as_bytes())
            .and_then(|it| it.with_policies(&tsa.policy))
            .map_err(|cause| StartError::Anchor { file: file.clone(), cause })?;
        authorities.push(authority);
        if !anchors.is_empty() && !anchors.ends_with('\n') {
            anchors.push('\n');
        }
        anchors.push_str(&pem);
    }
    Ok((own, authorities, anchors))
}

/// Who stamps what no aggregator does: authorities elsewhere, or else the own one.
fn asked(
    tsa: &config::Tsa,
    own: Option<&Arc<OwnAuthority>>,
    authorities: &[Authority],
) -> Result<Option<Asked>, StartError> {
    if tsa.urls.is_empty() {
        return Ok(own.map(|it| Asked::Own(Arc::clone(it))));
    }
    let others = authorities.iter().skip(usize::from(own.is_some()));
    let endpoints = tsa.urls.iter().zip(others).map(|(url, authority)| Endpoint {
        name: authority.name().to_owned(),
        url: url.clone(),
        authority: authority.clone(),
        min_interval: tsa.interval,
    });
    let client = Client::new(endpoints.collect()).and_then(|it| it.with_quorum(tsa.quorum));
    client.map(|it| Some(Asked::Others(it))).map_err(StartError::Client)
}
