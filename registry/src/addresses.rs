//! Addresses that were read already: reading one costs more than the rest of a message.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use runtime::{Address, AgentId, SendError};
use tokio_xmpp::jid::Jid;

/// Addresses that are remembered; then all are forgotten.
const MOST: usize = 1024;

/// Remembers addresses.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<HashMap<AgentId, Jid>>);

impl Addresses {
    /// Reads the address of an agent.
    pub(crate) fn read(&self, address: &Address) -> Result<Jid, SendError> {
        let Address::Agent(agent) = address else { return Err(SendError::Closed) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jid) = known.get(agent) {
            return Ok(jid.clone());
        }
        let jid: Jid = agent.as_str().parse().map_err(|_| SendError::Unknown(agent.clone()))?;
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(agent.clone(), jid.clone());
        Ok(jid)
    }
}
