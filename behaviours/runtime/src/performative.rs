//! To what end something is said: FIPA's communicative acts (SC00037J).

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The performative is none of FIPA's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no performative `{0}`; FIPA has: {known}", known = Performative::known())]
pub struct UnknownPerformative(String);

macro_rules! performatives {
    ($( #[doc = $about:literal] $act:ident = $name:literal ),+ $(,)?) => {
        /// What a message does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Performative { $( #[doc = $about] $act ),+ }

        impl Performative {
            /// Every act of the library.
            pub const ALL: &'static [Self] = &[ $( Self::$act ),+ ];

            /// Its name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$act => $name ),+ }
            }
        }
    };
}

performatives! {
    /// Accepts a proposal made before.
    AcceptProposal = "accept-proposal",
    /// Will do what was requested.
    Agree = "agree",
    /// Takes a request back.
    Cancel = "cancel",
    /// Calls for proposals.
    Cfp = "cfp",
    /// This is so, and the receiver was not sure of it.
    Confirm = "confirm",
    /// This is not so, and the receiver thought it was.
    Disconfirm = "disconfirm",
    /// Tried, and could not.
    Failure = "failure",
    /// This is so.
    Inform = "inform",
    /// Whether this is so.
    InformIf = "inform-if",
    /// Which one it is.
    InformRef = "inform-ref",
    /// Could not make sense of it.
    NotUnderstood = "not-understood",
    /// Pass this message on.
    Propagate = "propagate",
    /// Would do this under these conditions.
    Propose = "propose",
    /// Pass this message on to those that fit.
    Proxy = "proxy",
    /// Is this so?
    QueryIf = "query-if",
    /// Which one is it?
    QueryRef = "query-ref",
    /// Will not do.
    Refuse = "refuse",
    /// Does not accept a proposal.
    RejectProposal = "reject-proposal",
    /// Please do.
    Request = "request",
    /// Please do, when this becomes so.
    RequestWhen = "request-when",
    /// Please do, whenever this becomes so.
    RequestWhenever = "request-whenever",
    /// Keep me informed.
    Subscribe = "subscribe",
}

impl Performative {
    /// Whether somebody who says this to nobody in particular is to be told that nobody
    /// understood: whatever asks or tells is, whatever only answers is not. An
    /// [`AcceptProposal`](Self::AcceptProposal) answers too, but whoever said it now counts on
    /// what it accepted.
    pub(crate) fn deserves_an_answer(self) -> bool {
        match self {
            Self::AcceptProposal
            | Self::Cancel
            | Self::Cfp
            | Self::Inform
            | Self::InformIf
            | Self::InformRef
            | Self::Propagate
            | Self::Propose
            | Self::Proxy
            | Self::QueryIf
            | Self::QueryRef
            | Self::Request
            | Self::RequestWhen
            | Self::RequestWhenever
            | Self::Subscribe => true,
            Self::Agree
            | Self::Confirm
            | Self::Disconfirm
            | Self::Failure
            | Self::NotUnderstood
            | Self::Refuse
            | Self::RejectProposal => false,
        }
    }

    fn known() -> String {
        Self::ALL.iter().map(|act| act.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Performative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Performative {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Performative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl FromStr for Performative {
    type Err = UnknownPerformative;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let act = Self::ALL.iter().find(|act| act.as_str().eq_ignore_ascii_case(name));
        act.copied().ok_or_else(|| UnknownPerformative(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fipa_has_twenty_two_acts_and_each_reads_its_own_name() {
        assert_eq!(Performative::ALL.len(), 22);
        for act in Performative::ALL {
            assert_eq!(act.as_str().parse(), Ok(*act));
        }
    }

    #[test]
    fn an_unknown_act_is_answered_with_the_known_ones() {
        let error = "shout".parse::<Performative>().unwrap_err();
        assert!(
            error.to_string().starts_with("no performative `shout`; FIPA has: accept-proposal")
        );
    }
}
