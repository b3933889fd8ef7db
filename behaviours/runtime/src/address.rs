//! Whom messages come from and go to.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// An agent's address: its JID, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(Arc<str>);

impl AgentId {
    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account, without the connection that speaks for it (`name@domain`).
    pub fn bare(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(bare, _resource)| bare)
    }

    /// Whether no connection is named.
    pub fn is_bare(&self) -> bool {
        !self.0.contains('/')
    }

    /// The address of the account.
    #[must_use]
    pub fn to_bare(&self) -> Self {
        if self.is_bare() { self.clone() } else { Self::from(self.bare()) }
    }

    /// The domain of the account.
    pub fn domain(&self) -> &str {
        let bare = self.bare();
        bare.split_once('@').map_or(bare, |(_name, domain)| domain)
    }

    /// Whether both mean the same account, or the same connection where this one names it.
    pub fn covers(&self, other: &Self) -> bool {
        if self.is_bare() { self.bare() == other.bare() } else { self == other }
    }
}

impl From<&str> for AgentId {
    fn from(jid: &str) -> Self {
        Self(jid.into())
    }
}

impl From<String> for AgentId {
    fn from(jid: String) -> Self {
        Self(jid.into())
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// To whom: an agent, or whoever does a duty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// This agent.
    Agent(AgentId),
    /// Whoever the registry finds for this duty.
    Duty(Duty),
}

/// A duty, and what whoever does it must be labelled with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Duty {
    /// What is to be done: `aggregate`, …
    pub name: Arc<str>,
    /// Labels and what they must say, by name.
    pub labels: Arc<[(Arc<str>, Arc<str>)]>,
}

impl From<&str> for Duty {
    /// Reads `aggregate`, or `aggregate[site=lux1,net=dmz]`.
    fn from(text: &str) -> Self {
        let Some((name, labels)) = text.strip_suffix(']').and_then(|it| it.split_once('[')) else {
            return Self { name: text.into(), labels: Arc::from([]) };
        };
        let pair = |label: &str| {
            let (name, value) = label.split_once('=').unwrap_or((label, ""));
            (Arc::from(name.trim()), Arc::from(value.trim()))
        };
        let labels = labels.split(',').filter(|it| !it.trim().is_empty()).map(pair);
        let mut labels: Vec<_> = labels.collect();
        labels.sort_unstable();
        Self { name: name.into(), labels: labels.into() }
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.labels.is_empty() {
            return Ok(());
        }
        let labels: Vec<_> = self.labels.iter().map(|(name, it)| format!("{name}={it}")).collect();
        write!(f, "[{}]", labels.join(","))
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        text.strip_prefix("duty:")
            .map_or_else(|| Self::Agent(text.into()), |duty| Self::Duty(duty.into()))
    }
}

impl From<AgentId> for Address {
    fn from(agent: AgentId) -> Self {
        Self::Agent(agent)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(agent) => agent.fmt(f),
            Self::Duty(duty) => write!(f, "duty:{duty}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_address_covers_every_connection_of_its_account() {
        let account = AgentId::from("probe@test");
        assert!(account.covers(&"probe@test/1".into()));
        assert!(!AgentId::from("probe@test/2").covers(&"probe@test/1".into()));
        assert_eq!(AgentId::from("probe@test/1").domain(), "test");
    }

    #[test]
    fn a_duty_is_an_address() {
        assert_eq!(Address::from("duty:aggregate"), Address::Duty("aggregate".into()));
        assert_eq!(Address::from("a@b").to_string(), "a@b");
        let labelled = Address::from("duty:aggregate[site=lux1, net=dmz]");
        assert_eq!(labelled.to_string(), "duty:aggregate[net=dmz,site=lux1]");
        assert_eq!(Address::from(labelled.to_string().as_str()), labelled);
    }
}
