//! The names of the features, what they mean, and the hash that models are bound to.

use sha2::{Digest, Sha256};

/// How many features there are.
pub const COUNT: usize = 79;

/// What changes when a feature of the same name is computed in another way.
pub const VERSION: u32 = 1;

/// One feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// What it says, for people.
    pub meaning: &'static str,
}

/// All of them, in order.
pub const NAMES: [Feature; COUNT] = [
    feature("proto_tcp", "whether TCP carries it"),
    feature("proto_udp", "whether UDP carries it"),
    feature("proto_icmp", "whether ICMP carries it"),
    feature("svc_dns", "whether `dns` is spoken"),
    feature("svc_http", "whether `http` is spoken"),
    feature("svc_ssl", "whether `ssl` is spoken"),
    feature("svc_ssh", "whether `ssh` is spoken"),
    feature("svc_smtp", "whether `smtp` is spoken"),
    feature("svc_ftp", "whether `ftp` is spoken"),
    feature("svc_dhcp", "whether `dhcp` is spoken"),
    feature("svc_ntp", "whether `ntp` is spoken"),
    feature("svc_smb", "whether `smb` is spoken"),
    feature("svc_irc", "whether `irc` is spoken"),
    feature("svc_snmp", "whether `snmp` is spoken"),
    feature("svc_rdp", "whether `rdp` is spoken"),
    feature("svc_quic", "whether `quic` is spoken"),
    feature("svc_none", "whether nothing that is known is spoken"),
    feature("st_S0", "whether Zeek's state is `S0`"),
    feature("st_S1", "whether Zeek's state is `S1`"),
    feature("st_SF", "whether Zeek's state is `SF`"),
    feature("st_REJ", "whether Zeek's state is `REJ`"),
    feature("st_S2", "whether Zeek's state is `S2`"),
    feature("st_S3", "whether Zeek's state is `S3`"),
    feature("st_RSTO", "whether Zeek's state is `RSTO`"),
    feature("st_RSTR", "whether Zeek's state is `RSTR`"),
    feature("st_RSTOS0", "whether Zeek's state is `RSTOS0`"),
    feature("st_RSTRH", "whether Zeek's state is `RSTRH`"),
    feature("st_SH", "whether Zeek's state is `SH`"),
    feature("st_SHR", "whether Zeek's state is `SHR`"),
    feature("st_OTH", "whether Zeek's state is `OTH`"),
    feature("l_duration", "logarithm of seconds"),
    feature("l_orig_bytes", "logarithm of bytes of payload sent"),
    feature("l_resp_bytes", "logarithm of bytes of payload answered"),
    feature("l_orig_pkts", "logarithm of packets sent"),
    feature("l_resp_pkts", "logarithm of packets answered"),
    feature("l_orig_ip_bytes", "logarithm of bytes of packets sent"),
    feature("l_resp_ip_bytes", "logarithm of bytes of packets answered"),
    feature("l_obpp", "logarithm of bytes a packet sent"),
    feature("l_rbpp", "logarithm of bytes a packet answered"),
    feature("l_pps", "logarithm of packets a second, both ways"),
    feature("l_bps", "logarithm of bytes a second, both ways"),
    feature("asym_b", "how much more bytes were sent than answered, from -1 to 1"),
    feature("asym_p", "how much more packets were sent than answered, from -1 to 1"),
    feature("h_os", "whether the history has the source's SYN"),
    feature("h_oa", "whether the history has the source's bare ACK"),
    feature("h_ra", "whether the history has the answer's bare ACK"),
    feature("h_od", "whether the history has payload sent"),
    feature("h_rd", "whether the history has payload answered"),
    feature("h_of", "whether the history has the source's FIN"),
    feature("h_rf", "whether the history has the answer's FIN"),
    feature("h_or", "whether the history has the source's RST"),
    feature("h_rr", "whether the history has the answer's RST"),
    feature("h_rh", "whether the history has a SYN-ACK answered"),
    feature("h_ot", "whether the history has payload sent again"),
    feature("h_rt", "whether the history has payload answered again"),
    feature("p_wk", "whether the port is below 1024"),
    feature("p_eph", "whether the port is 32768 or above"),
    feature("p_web", "whether the port is one of the web"),
    feature("p_admin", "whether the port is one to administer by"),
    feature("p_mail", "whether the port is one of mail"),
    feature("p_53", "whether the port is 53"),
    feature("sp_wk", "whether the source's port is below 1024"),
    feature("dst_pub", "whether the target is a public address"),
    feature("dst_mc", "whether the target is many: multicast or broadcast"),
    feature("src_pub", "whether the source is a public address"),
    feature("c_flows", "logarithm of conversations of the source in 300 s"),
    feature("c_dsts", "logarithm of targets of the source in 300 s"),
    feature("c_dports", "logarithm of ports of the source in 300 s"),
    feature("c_fail", "share of the source's conversations in 300 s that failed"),
    feature("c_dsts_samedp", "logarithm of targets on this port in 300 s"),
    feature("c_dports_samedst", "logarithm of ports of this target in 300 s"),
    feature("c_pair", "logarithm of conversations with this target in 300 s"),
    feature("c_newdst", "whether the source meets this target for the first time"),
    feature("c_tuple_n", "logarithm of conversations with this target on this port so far"),
    feature("c_gap", "logarithm of mean seconds between them"),
    feature("c_gapcv", "how irregular these gaps are, up to 9"),
    feature("c_obcv", "how irregular the bytes sent are, up to 9"),
    feature("c_bytes", "logarithm of bytes that the source sent in 300 s"),
    feature("c_dst_ratio", "targets a conversation of the source in 300 s"),
];

const fn feature(name: &'static str, meaning: &'static str) -> Feature {
    Feature { name, meaning }
}

/// SHA-256, in hex, over `vedette-features`, the [`VERSION`] and all names, each with a line end.
pub fn hash() -> String {
    let mut hash = Sha256::new();
    hash.update(format!("vedette-features\n{VERSION}\n"));
    for feature in NAMES {
        hash.update(feature.name);
        hash.update("\n");
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_does_not_change_unnoticed() {
        assert_eq!(hash(), "1be7755b0b5cd8cb88a76d674b5a96b5edf3c63193b1995dbcd917937b325e25");
    }
}
