//! What is spoken in a conversation.

use serde::{Deserialize, Serialize};

macro_rules! services {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// The application protocol, by what was said first, else by the port.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(rename_all = "lowercase")]
        #[expect(missing_docs, reason = "each is a protocol's name")]
        pub enum Service { $(#[serde(rename = $name)] $variant),+ }

        impl Service {
            /// All that are told apart.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As Zeek writes it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

services! {
    Dns "dns", Http "http", Tls "ssl", Ssh "ssh", Smtp "smtp", Ftp "ftp", Dhcp "dhcp", Ntp "ntp",
    Smb "smb", Irc "irc", Snmp "snmp", Rdp "rdp", Quic "quic", Pop3 "pop3", Imap "imap",
    Telnet "telnet", Kerberos "krb", Ldap "ldap", DceRpc "dce_rpc", Sip "sip", Tftp "tftp",
    Syslog "syslog", Ssdp "ssdp", Ike "ike", Mqtt "mqtt", Modbus "modbus", Radius "radius",
    Socks "socks", Mysql "mysql", Postgresql "postgresql",
}

impl Service {
    /// The one of that name; Zeek's `tls` and `gssapi_smb` too, and the last of a list.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.rsplit(',').next().unwrap_or(name);
        let name = match name {
            "tls" => "ssl",
            "gssapi_smb" => "smb",
            name => name,
        };
        Self::ALL.iter().copied().find(|service| service.name() == name)
    }
}
