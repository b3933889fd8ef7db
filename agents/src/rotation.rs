//! New keys for an agent, by a hand-over that the old ones sign; it can be gone over again after a
//! crash at any point.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use registry::{
    DeviceIdentity, KeyFileError, LinkState, Members, SigningKey, Trust, TrustError, VerifyingKey,
    enrolment::{self, Keys, ProofError},
};
use runtime::StoreError;
use types::{HandoverAnswer, Member};

use crate::{
    Config, DiskStore,
    joining::now_ms,
    petition::{Petition, PetitionError},
};

/// What sealing keeps beside the keys.
const SESSIONS: [&str; 3] = ["omemo.sqlite", "omemo.sqlite-wal", "omemo.sqlite-shm"];

/// How long the list of members may take.
const LIST: Duration = Duration::from_secs(30);

/// Why an agent has the keys that it had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// It is enrolled nowhere.
    #[error("`{0}` is enrolled nowhere: its file has no `trust`; join with a token first")]
    NotEnrolled(String),
    /// It runs.
    #[error("cannot open the state in `{}`; does the agent run? stop it first", folder.display())]
    Busy {
        /// The folder of its state.
        folder: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// A key cannot be read or written.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The list of members cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The registrar could not be asked.
    #[error(transparent)]
    Petition(#[from] PetitionError),
    /// The list says nothing of it.
    #[error("`{0}` is no member, or the registrar does not say; is it revoked?")]
    NoMember(String),
    /// The list has keys for it that are in no file.
    #[error("the list has other keys for `{0}` than its files; revoke it, and join anew")]
    OtherKeys(String),
    /// The registrar turned it down.
    #[error("the registrar turned the hand-over down: {0}")]
    Refused(String),
    /// The registrar's answer does not hold, or no proof could be made.
    #[error("the answer was not the registry's, or about other keys; the keys are as before")]
    Proof(#[from] ProofError),
    /// The new keys cannot be put in place.
    #[error("cannot put the new keys into `{}`; run it again", folder.display())]
    Files {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Gives an agent new keys. Returns the fingerprint of the new identity key.
pub async fn rotate(config: Config) -> Result<String, RotateError> {
    let jid = config.account.jid.to_string();
    let registry = config.trust.ok_or_else(|| RotateError::NotEnrolled(jid.clone()))?;
    let folder = config.state.clone();
    // Held so that the agent does not run meanwhile.
    let _disk = DiskStore::open(&folder)
        .await
        .map_err(|source| RotateError::Busy { folder: folder.clone(), source })?;
    let old = DeviceIdentity::open(&folder)?;
    let trust = Arc::new(Trust::open(&folder, registry, now_ms())?);
    let registrar = config.account.registrar.clone();
    let account = config.account.clone();
    let petition = Petition::open(account, config.role.name(), &trust)?;
    let desk = Desk { jid: &jid, folder: &folder, registry };
    let done = async {
        match petition.connected().await {
            LinkState::Online => {}
            state => return Err(PetitionError::of(&config.account.jid, &state).into()),
        }
        let member = desk.member(&trust).await?;
        let next = desk.next()?;
        if has(&member, &next.device) {
            // It was handed over before, and not put in place.
            return desk.put_in_place(&next);
        }
        if !has(&member, &old) {
            return Err(RotateError::OtherKeys(jid.clone()));
        }
        let handover = enrolment::hand_over(&member, registry, &old, &next)?;
        let answer: Result<HandoverAnswer, String> = petition.ask(registrar, &handover).await?;
        let HandoverAnswer(answer) = answer.map_err(RotateError::Refused)?;
        enrolment::accept(&answer, registry, &jid, &handover.nonce, &next, now_ms())?;
        desk.put_in_place(&next)
    }
    .await;
    petition.leave().await;
    done
}

fn has(member: &Member, device: &DeviceIdentity) -> bool {
    let key = device.fingerprint();
    member.devices.iter().any(|it| it.device == device.device && it.identity == key)
}

struct Desk<'a> {
    jid: &'a str,
    folder: &'a Path,
    registry: VerifyingKey,
}

impl Desk<'_> {
    /// What the newest list says of the agent.
    async fn member(&self, trust: &Trust) -> Result<Member, RotateError> {
        let mut members = trust.members();
        let is_here =
            |it: &Arc<Members>| it.registry() == self.registry && it.get(self.jid).is_some();
        let listed = tokio::time::timeout(LIST, members.wait_for(is_here)).await;
        let none = || RotateError::NoMember(self.jid.to_owned());
        match listed {
            Ok(Ok(members)) => members.get(self.jid).cloned().ok_or_else(none),
            Ok(Err(_)) | Err(_) => Err(none()),
        }
    }

    fn waiting(&self) -> PathBuf {
        self.folder.join("next")
    }

    /// The keys that it will have.
    fn next(&self) -> Result<Keys, RotateError> {
        let folder = self.waiting();
        let evidence = SigningKey::evidence_file(&folder);
        if !DeviceIdentity::file(&folder).exists() {
            let evidence = SigningKey::open_or_make(&evidence)?;
            return Ok(Keys { device: DeviceIdentity::open_or_make(&folder)?, evidence });
        }
        // The identity is made last and moved last: without the other it was moved already.
        let evidence = match SigningKey::open(&evidence) {
            Err(KeyFileError::Absent(_)) => {
                SigningKey::open(&SigningKey::evidence_file(self.folder))
            }
            opened => opened,
        };
        Ok(Keys { device: DeviceIdentity::open(&folder)?, evidence: evidence? })
    }

    /// Makes them the keys that it has: the identity last, so that a crash before that is seen.
    fn put_in_place(&self, next: &Keys) -> Result<String, RotateError> {
        let (from, to) = (self.waiting(), self.folder);
        let moved = |file: fn(&Path) -> PathBuf| match fs::rename(file(&from), file(to)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved,
        };
        let forgotten = |name: &&str| match fs::remove_file(to.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        // Sessions of the old device are worth nothing to the new one.
        SESSIONS
            .iter()
            .try_for_each(forgotten)
            .and_then(|()| moved(SigningKey::evidence_file))
            .and_then(|()| moved(DeviceIdentity::file))
            .and_then(|()| fs::remove_dir(&from))
            .and_then(|()| fs::File::open(to)?.sync_all())
            .map_err(|source| RotateError::Files { folder: to.to_owned(), source })?;
        Ok(next.device.fingerprint())
    }
}
