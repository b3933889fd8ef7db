//! Joining: from a token to an agent with an account, keys and a file, which can be gone over
//! again after a crash at any point.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use registry::{
    Account, DeviceIdentity, KeyFileError, LinkState, PinError, Roots, Secret, Server, SigningKey,
    Subscriptions, Token, Trust, TrustError,
    enrolment::{self, Keys, ProofError},
    pinned_authority, write_private,
};
use runtime::{AgentId, Clock, Errand, SendError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use types::{EnrolmentAnswer, EnrolmentRequest, Member};

use crate::petition::{Petition, PetitionError};

/// How long the account may take to be there.
const ACCOUNT: Duration = Duration::from_secs(5);
/// How soon it is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// What says that a folder holds a join that is not finished, and one that is.
const UNFINISHED: &str = "joining.json";
const FINISHED: &str = "joined.json";

/// Why an agent did not join.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The token's time is over.
    #[error("the token for `{0}` is out of date; ask for another: vedette enroll new")]
    Expired(String),
    /// The folder holds something else.
    #[error("`{}` is not empty, and holds no join by this token; choose another folder", .0.display())]
    Occupied(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot read or write `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key cannot be read or written.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// What was begun cannot be read.
    #[error("`{}` is damaged; remove the folder, and ask for another token", .0.display())]
    Damaged(PathBuf),
    /// The server is not that of the token.
    #[error(transparent)]
    Server(#[from] PinError),
    /// The server does not let the account in.
    #[error(
        "the server does not know the account `{0}` by this token: it was used in another folder, \
         revoked, or is out of date; ask for another: vedette enroll new"
    )]
    NoAccount(String),
    /// There is no connection, or no answer.
    #[error(transparent)]
    Petition(#[from] PetitionError),
    /// The password could not be changed.
    #[error("cannot change the password of `{account}`")]
    Password {
        /// Whose.
        account: String,
        /// Why.
        source: SendError,
    },
    /// The registrar turned it down.
    #[error("the registrar turned the request down: {0}")]
    Refused(String),
    /// The registrar's answer does not hold, or no proof could be made.
    #[error("the answer was not the registry's, or about other keys; nothing of it was used")]
    Proof(#[from] ProofError),
    /// The list of members cannot be written.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// An agent that joined.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Its account.
    pub jid: String,
    /// Its file.
    pub file: PathBuf,
    /// Whether it had joined before.
    pub is_known: bool,
}

/// How far a join got. Nothing in it is secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    /// Which token.
    mark: String,
    /// Whether the password was, or may have been, changed.
    changing: bool,
    /// The request, so that a second one is the same.
    request: Option<EnrolmentRequest>,
}

/// Joins by a token; what the agent needs is written into `folder`.
pub async fn join(token: &Token, folder: &Path) -> Result<Joined, JoinError> {
    let joined =
        |is_known| Joined { jid: token.jid.to_string(), file: folder.join("agent.toml"), is_known };
    let site = Site { folder, token };
    let Some(mut progress) = site.enter()? else { return Ok(joined(true)) };
    let keys = Keys {
        device: DeviceIdentity::open_or_make(&site.file("state"))?,
        evidence: SigningKey::open_or_make(&SigningKey::evidence_file(&site.file("state")))?,
    };
    let roots = site.authority().await?;
    let trust = Arc::new(Trust::open(&site.file("state"), token.registry, now_ms())?);
    let petition = site.knock(&mut progress, &roots, &trust).await?;
    let done = async {
        let answer = site.ask(&mut progress, &petition, &keys).await?;
        trust.expect(answer.head.serial)?;
        // Whoever runs later must know whom to believe before it says a word.
        petition.list(&trust, answer.head.serial).await?;
        Ok::<_, JoinError>(answer)
    };
    let answer = done.await;
    petition.leave().await;
    let answer = answer?;
    site.write("agent.toml", &agent_file(token, &answer.member))?;
    site.move_on()?;
    Ok(joined(false))
}

/// Where somebody joins, and by what.
struct Site<'a> {
    folder: &'a Path,
    token: &'a Token,
}

impl Site<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), JoinError> {
        Ok(write_private(&self.file(name), text.as_bytes())?)
    }

    fn save(&self, progress: &Progress) -> Result<(), JoinError> {
        let path = self.file(UNFINISHED);
        let text = serde_json::to_string(progress).map_err(|_| JoinError::Damaged(path))?;
        self.write(UNFINISHED, &text)
    }

    /// Takes the folder, or goes on where an earlier run was interrupted; none: it is done.
    fn enter(&self) -> Result<Option<Progress>, JoinError> {
        if let Some(progress) = self.progress(FINISHED)? {
            let is_same = progress.mark == self.token.mark;
            let other = || JoinError::Occupied(self.folder.to_owned());
            return if is_same { Ok(None) } else { Err(other()) };
        }
        match self.progress(UNFINISHED)? {
            Some(progress) if progress.mark == self.token.mark => return Ok(Some(progress)),
            Some(_) => return Err(JoinError::Occupied(self.folder.to_owned())),
            None => {}
        }
        if self.token.until * 1000 <= now_ms() {
            return Err(JoinError::Expired(self.token.jid.to_string()));
        }
        let failed = |source| JoinError::File { path: self.folder.to_owned(), source };
        match fs::read_dir(self.folder) {
            // What a crash left of the very first file is nobody's.
            Ok(entries) => {
                let mut names = entries.map(|it| it.map(|it| it.file_name()));
                let is_ours = |it: &io::Result<std::ffi::OsString>| {
                    it.as_ref().is_ok_and(|it| it == "joining.unfinished")
                };
                if !names.all(|it| is_ours(&it)) {
                    return Err(JoinError::Occupied(self.folder.to_owned()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let progress = Progress { mark: self.token.mark.clone(), changing: false, request: None };
        self.save(&progress)?;
        Ok(Some(progress))
    }

    fn progress(&self, name: &str) -> Result<Option<Progress>, JoinError> {
        let path = self.file(name);
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(progress) => Ok(Some(progress)),
                Err(_) => Err(JoinError::Damaged(path)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(JoinError::File { path, source }),
        }
    }

    fn move_on(&self) -> Result<(), JoinError> {
        let path = self.file(FINISHED);
        let failed = |source| JoinError::File { path: path.clone(), source };
        fs::rename(self.file(UNFINISHED), &path).map_err(failed)?;
        fs::File::open(self.folder).and_then(|it| it.sync_all()).map_err(failed)
    }

    /// The certificate of who vouches for the server, written down once the server has shown it.
    async fn authority(&self) -> Result<Roots, JoinError> {
        let Some(pin) = self.token.authority else { return Ok(Roots::Public) };
        let path = self.file("secrets/xmpp-ca.pem");
        if !path.exists() {
            let pem = pinned_authority(&self.token.jid, &self.server(), pin).await?;
            self.write("secrets/xmpp-ca.pem", &pem)?;
        }
        Ok(Roots::File(path))
    }

    fn server(&self) -> Server {
        self.token.server.clone().map_or(Server::Srv, Server::At)
    }

    /// Logs in, and makes the password one that nobody else knows.
    async fn knock(
        &self,
        progress: &mut Progress,
        roots: &Roots,
        trust: &Arc<Trust>,
    ) -> Result<Petition, JoinError> {
        let own = self.password()?;
        let first = self.token.password();
        let until = Instant::now() + ACCOUNT;
        loop {
            let passwords = if progress.changing { vec![&own, &first] } else { vec![&first] };
            for password in passwords {
                let account = self.account(password.clone(), roots.clone());
                let petition = Petition::open(account, &self.token.role, trust)?;
                match petition.connected().await {
                    LinkState::Online if *password == own => return Ok(petition),
                    LinkState::Online => {
                        progress.changing = true;
                        self.save(progress)?;
                        let change = Errand::ChangePassword(own.reveal().into());
                        let source = match petition.run(change).await {
                            Ok(()) => return Ok(petition),
                            Err(source) => source,
                        };
                        petition.leave().await;
                        let account = self.token.jid.to_string();
                        return Err(JoinError::Password { account, source });
                    }
                    LinkState::Refused(_) => petition.leave().await,
                    state => {
                        petition.leave().await;
                        return Err(PetitionError::of(&self.token.jid, &state).into());
                    }
                }
            }
            // The registrar may not have made the account yet.
            if Instant::now() > until {
                return Err(JoinError::NoAccount(self.token.jid.to_string()));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// A password that only this folder knows.
    fn password(&self) -> Result<Secret, JoinError> {
        let name = self.password_file();
        let path = self.file(&name);
        if !path.exists() {
            let password = enrolment::random_password()?;
            self.write(&name, &format!("{}\n", password.reveal()))?;
        }
        let text = fs::read_to_string(&path).map_err(|source| JoinError::File { path, source })?;
        Ok(text.trim().into())
    }

    fn password_file(&self) -> String {
        format!("secrets/{}", name(self.token))
    }

    fn account(&self, password: Secret, roots: Roots) -> Account {
        Account {
            jid: self.token.jid.clone(),
            password,
            server: self.server(),
            roots,
            registrar: AgentId::from(self.token.registrar.as_str()),
            contacts: Vec::new(),
            subscriptions: Subscriptions::default(),
            pubsub: None,
            wants: Vec::new(),
        }
    }

    /// Shows the keys with their proofs, and judges the answer.
    async fn ask(
        &self,
        progress: &mut Progress,
        petition: &Petition,
        keys: &Keys,
    ) -> Result<EnrolmentAnswer, JoinError> {
        let request = match progress.request.clone() {
            Some(request) => request,
            None => enrolment::request(self.token, keys)?,
        };
        progress.request = Some(request.clone());
        self.save(progress)?;
        let registrar = AgentId::from(self.token.registrar.as_str());
        let answer: EnrolmentAnswer = match petition.ask(registrar, &request).await? {
            Ok(answer) => answer,
            Err(why) => return Err(JoinError::Refused(why)),
        };
        let (registry, jid) = (self.token.registry, self.token.jid.as_str());
        enrolment::accept(&answer, registry, jid, &request.nonce, keys, now_ms())?;
        Ok(answer)
    }
}

fn name(token: &Token) -> &str {
    token.jid.as_str().split('@').next().unwrap_or_default()
}

pub(crate) fn now_ms() -> i64 {
    Clock::system().now_ms()
}

/// The file of the new agent. A probe is given something to do, as an example.
fn agent_file(token: &Token, member: &Member) -> String {
    let text = |it: &str| toml::Value::from(it).to_string();
    let mut file = format!(
        "# Written by `vedette join`. Run it with `vedette agent run`.\n\
         role = {}\njid = {}\npassword_file = {}\n",
        text(&member.role),
        text(&member.jid),
        text(&format!("secrets/{}", name(token))),
    );
    let mut line = |line: String| {
        file.push_str(&line);
        file.push('\n');
    };
    if let Some(server) = &token.server {
        line(format!("server = {}", text(server)));
    }
    if token.authority.is_some() {
        line("ca = \"secrets/xmpp-ca.pem\"".to_owned());
    }
    line(format!("registrar = {}", text(token.registrar.as_str())));
    if !member.labels.is_empty() {
        let labels = BTreeMap::from([("labels", &member.labels)]);
        if let Ok(labels) = toml::Value::try_from(labels) {
            let labels = labels.get("labels").map(ToString::to_string).unwrap_or_default();
            line(format!("labels = {labels}"));
        }
    }
    line(format!("trust = {{ registry = \"{}\" }}", token.registry));
    file.push_str(match member.role.as_str() {
        "probe" => {
            "\n# Something to do; see `vedette agent behaviours` for what there is.\n\
             [[behaviour]]\nrun = \"check\"\nname = \"disk\"\ntype = \"disk\"\nevery = \"1m\"\n\
             command = [\"df\", \"-P\", \"/\"]\nparse = \"lines\"\n"
        }
        _ => "\n# What it runs stands here; see `vedette agent behaviours`.\n",
    });
    file
}
