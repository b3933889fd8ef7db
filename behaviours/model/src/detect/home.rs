//! Which addresses are ours.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The networks that are watched over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Home(Vec<IpNet>);

impl Home {
    /// Of these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether an address is one of ours.
    pub fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Default for Home {
    /// The private networks (RFC 1918, RFC 4193) and those of a link (RFC 3927, RFC 4291).
    fn default() -> Self {
        const PRIVATE: [&str; 6] = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ];
        Self(PRIVATE.iter().filter_map(|network| network.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_are_home_unless_it_is_said_otherwise() {
        let home = Home::default();
        for ours in ["10.1.2.3", "172.31.0.1", "192.168.1.1", "fe80::1", "fd00::1"] {
            assert!(home.has(ours.parse().unwrap()), "{ours}");
        }
        for other in ["8.8.8.8", "172.32.0.1", "2001:db8::1"] {
            assert!(!home.has(other.parse().unwrap()), "{other}");
        }
        let home: Home = serde_json::from_str(r#"["147.32.0.0/16"]"#).unwrap();
        assert!(home.has("147.32.83.1".parse().unwrap()));
        assert!(!home.has("10.0.0.1".parse().unwrap()));
    }
}
