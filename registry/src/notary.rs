//! The registrar's key and what is signed with it.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError},
};

use runtime::Disbelief;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use types::{EnrolmentAnswer, EnrolmentRequest, Handover, ListHead, Member, Registrar};

use crate::{Account, Members, Roots, Server, SigningKey, Validity, enrolment, transcript::sha256};

/// How long a list is good: so long can a server hide a newer one at most.
const GOOD_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The registrar's key, in the folder of its state. It is read, or made, when it is first needed.
#[derive(Debug, Default)]
pub struct Notary {
    office: OnceLock<(PathBuf, Account)>,
    key: OnceLock<SigningKey>,
    vouched: Mutex<Option<Vec<Member>>>,
}

impl Notary {
    /// Takes up its office: the registrar has this account, and its state is in that folder. It
    /// does so once.
    pub fn take_office(&self, state: PathBuf, account: Account) {
        self.office.get_or_init(|| (state, account));
    }

    fn office(&self) -> Result<&(PathBuf, Account), Disbelief> {
        self.office.get().ok_or_else(|| Disbelief("this notary has no office".to_owned()))
    }

    /// Vouches for agents whose keys were made in this process.
    pub fn vouch(&self, members: Vec<Member>) {
        *self.vouched.lock().unwrap_or_else(PoisonError::into_inner) = Some(members);
    }

    fn key(&self) -> Result<&SigningKey, Disbelief> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = SigningKey::open_or_make(&SigningKey::registry_file(&self.office()?.0));
        let key = key.map_err(|error| told(&error))?;
        Ok(self.key.get_or_init(|| key))
    }

    /// SHA-256 of the certificate of the authority that vouches for the server.
    fn authority(&self) -> Result<Option<String>, Disbelief> {
        let Roots::File(path) = &self.office()?.1.roots else { return Ok(None) };
        let pem = fs::read(path).map_err(|error| told(&error))?;
        let first = CertificateDer::from_pem_slice(&pem).map_err(|error| told(&error))?;
        Ok(Some(hex::encode(sha256(&first))))
    }
}

impl runtime::Notary for Notary {
    fn registrar(&self) -> Result<Registrar, Disbelief> {
        let (_, account) = self.office()?;
        let server = match &account.server {
            Server::At(address) => Some(address.clone()),
            Server::Srv => None,
        };
        Ok(Registrar {
            jid: account.jid.to_string(),
            server,
            authority: self.authority()?,
            key: self.key()?.public().to_string(),
        })
    }

    fn vouched(&self) -> Option<Vec<Member>> {
        self.vouched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn sign(&self, members: Vec<Member>, serial: u64, now_ms: i64) -> Result<ListHead, Disbelief> {
        let key = self.key()?;
        let validity = Validity { serial, issued_ms: now_ms, until_ms: now_ms + GOOD_MS };
        let list = Members::none(key.public()).sign(key, members, &[], validity);
        let list = list.map_err(|error| told(&error))?;
        list.head().cloned().ok_or_else(|| Disbelief("nothing was signed".to_owned()))
    }

    fn judge(&self, request: &EnrolmentRequest, proof_key: &str) -> Result<(), Disbelief> {
        let registry = self.key()?.public();
        enrolment::judge(request, registry, proof_key).map_err(|error| told(&error))
    }

    fn judge_handover(&self, handover: &Handover, member: &Member) -> Result<(), Disbelief> {
        let registry = self.key()?.public();
        enrolment::judge_handover(handover, registry, member).map_err(|error| told(&error))
    }

    fn answer(
        &self,
        nonce: &str,
        member: Member,
        head: ListHead,
    ) -> Result<EnrolmentAnswer, Disbelief> {
        enrolment::answer(self.key()?, nonce, member, head).map_err(|error| told(&error))
    }
}

fn told(error: &(dyn std::error::Error + 'static)) -> Disbelief {
    Disbelief(runtime::Chain(error).to_string())
}
