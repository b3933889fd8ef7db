//! Which ICMP message answers which.

/// What Zeek writes as the port of who is asked: the type of the answer, else the code.
pub(crate) fn counterpart(protocol: u8, kind: u8, code: u8) -> u16 {
    let answer = if protocol == 1 {
        match kind {
            // Echo, timestamp, information, mask (RFC 792, RFC 950); routers (RFC 1256).
            0 => 8,
            8 => 0,
            13 => 14,
            14 => 13,
            15 => 16,
            16 => 15,
            17 => 18,
            18 => 17,
            9 => 10,
            10 => 9,
            _ => code,
        }
    } else {
        match kind {
            // Echo (RFC 4443); listeners (RFC 2710); routers and neighbours (RFC 4861); node
            // information (RFC 4620); home agents (RFC 6275).
            128 => 129,
            129 => 128,
            130 => 131,
            131 => 130,
            133 => 134,
            134 => 133,
            135 => 136,
            136 => 135,
            139 => 140,
            140 => 139,
            144 => 145,
            145 => 144,
            _ => code,
        }
    };
    answer.into()
}
