//! The kinds of evidence, and what each stands for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an alert is about. A host has at most one open alert of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Looking for what is there.
    Reconnaissance,
    /// Standing between two that talk.
    Interception,
    /// Making a service unreachable.
    Flood,
    /// Getting at accounts.
    Credentials,
    /// Taking orders from outside.
    Command,
    /// Taking data out.
    Exfiltration,
    /// Something that was not there before.
    Change,
    /// What a model holds to be malicious.
    Verdict,
}

macro_rules! kinds {
    ($($variant:ident $name:literal $family:ident $technique:expr, $about:literal;)+) => {
        /// Who says so: a detector, or a model.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        pub enum Kind { $(#[doc = $about] #[serde(rename = $name)] $variant),+ }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in settings, JSON and logs.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it finds, in a sentence.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),+ }
            }

            /// The alert to which it adds.
            pub fn family(self) -> Family {
                match self { $(Self::$variant => Family::$family),+ }
            }

            /// The technique of MITRE ATT&CK, where there is one.
            pub fn technique(self) -> Option<&'static str> {
                match self { $(Self::$variant => $technique),+ }
            }
        }
    };
}

kinds! {
    VerticalScan "vertical-scan" Reconnaissance Some("T1046"), "Many ports of one host are tried.";
    HorizontalScan "horizontal-scan" Reconnaissance Some("T1046"), "One port of many hosts is tried.";
    Knock "knock" Reconnaissance Some("T1595"), "Somebody from outside tries a door that nobody opens.";
    IcmpSweep "icmp-sweep" Reconnaissance Some("T1018"), "Many hosts are pinged.";
    ArpScan "arp-scan" Reconnaissance Some("T1018"), "Many addresses of the link are asked for.";
    ArpSpoof "arp-spoof" Interception Some("T1557.002"), "An address is claimed by two cards.";
    SynFlood "syn-flood" Flood Some("T1498.001"), "More is started than can be answered.";
    Amplification "amplification" Flood Some("T1498.002"), "Small questions bring large answers to somebody else.";
    BruteForce "brute-force" Credentials Some("T1110"), "Logins are tried one after the other.";
    Cleartext "cleartext" Credentials Some("T1040"), "A login could be read on the way.";
    Beacon "beacon" Command Some("T1071"), "The same place is called on again and again, regularly.";
    Reconnection "reconnection" Command Some("T1095"), "A place that does not answer is tried again and again.";
    LongConnection "long-connection" Command Some("T1572"), "A conversation goes on for hours.";
    DnsTunnel "dns-tunnel" Command Some("T1071.004"), "Names carry data.";
    Dga "dga" Command Some("T1568.002"), "Names that nobody registered are tried, as a generator makes them.";
    Blacklist "blacklist" Command Some("T1071"), "Somebody is met whom a list calls bad.";
    Exfiltration "exfiltration" Exfiltration Some("T1048"), "Far more goes out than usual.";
    NewDevice "new-device" Change Some("T1200"), "A card that was not there before.";
    NewService "new-service" Change Some("T1571"), "A port that did not answer before.";
    Model "model" Verdict None, "A model holds a conversation to be malicious.";
}

impl Kind {
    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Family {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconnaissance => "reconnaissance",
            Self::Interception => "interception",
            Self::Flood => "flood",
            Self::Credentials => "credentials",
            Self::Command => "command",
            Self::Exfiltration => "exfiltration",
            Self::Change => "change",
            Self::Verdict => "verdict",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for &kind in Kind::ALL {
            assert_eq!(Kind::named(kind.name()), Some(kind));
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.name());
        }
        assert_eq!(Kind::named("nonsense"), None);
    }
}
