//! Which protocol is spoken: by its first bytes, else by its port.

use crate::Service;

/// Over TCP; `None` while it cannot be told.
pub(super) fn tcp(ports: [u16; 2], way: usize, payload: &[u8]) -> Option<Service> {
    let [_, port] = ports;
    if super::text::is_request(payload) || payload.starts_with(b"HTTP/1.") {
        return Some(Service::Http);
    }
    match payload {
        // A handshake of TLS 1.0 to 1.3, whose records call themselves 1.0 to 1.2.
        [0x16, 3, 0..=4, ..] => return Some(Service::Tls),
        [b'S', b'S', b'H', b'-', ..] => return Some(Service::Ssh),
        [_, _, _, _, 0xff | 0xfe, b'S', b'M', b'B', ..] => return Some(Service::Smb),
        [3, 0, _, _, _, 0xe0 | 0xd0, ..] => return Some(Service::Rdp),
        [5, 0, 0..=19, ..] if port == 135 || payload.len() > 16 => return Some(Service::DceRpc),
        [0x10, ..] if port == 1883 => return Some(Service::Mqtt),
        [_, _, 0, 0, 0, _, ..] if port == 502 => return Some(Service::Modbus),
        [5, 1..=8, ..] | [4, 1 | 2, ..] if port == 1080 => return Some(Service::Socks),
        [0xff, 0xfa..=0xfe, ..] if port == 23 || port == 2323 => return Some(Service::Telnet),
        [_, _, _, 0, 10, ..] if way == 1 && port == 3306 => return Some(Service::Mysql),
        [0, 0, 0, _, 0, 3, 0, 0, ..] => return Some(Service::Postgresql),
        _ => {}
    }
    if way == 1 {
        match payload {
            [b'2', b'2', b'0', b' ' | b'-', ..] => {
                let mail = port == 25 || port == 587 || contains(payload, b"SMTP");
                return Some(if mail { Service::Smtp } else { Service::Ftp });
            }
            [b'+', b'O', b'K', ..] => return Some(Service::Pop3),
            [b'*', b' ', b'O', b'K', ..] => return Some(Service::Imap),
            _ => {}
        }
    } else {
        if starts(payload, b"EHLO ") || starts(payload, b"HELO ") {
            return Some(Service::Smtp);
        }
        let irc = starts(payload, b"NICK ") || starts(payload, b"USER ") && port != 21;
        if irc && port != 110 {
            return Some(Service::Irc);
        }
        if contains(payload, b" SIP/2.0\r\n") {
            return Some(Service::Sip);
        }
    }
    match port {
        88 => Some(Service::Kerberos),
        389 | 3268 => Some(Service::Ldap),
        23 | 2323 => Some(Service::Telnet),
        514 if way == 0 => Some(Service::Syslog),
        _ => None,
    }
}

/// Whether a hello of TLS starts here, of either side.
pub(super) fn is_hello(payload: &[u8]) -> bool {
    matches!(payload, [0x16, 3, 0..=4, _, _, 1 | 2, ..])
}

/// Over UDP.
pub(super) fn udp(ports: [u16; 2], payload: &[u8]) -> Option<Service> {
    let has = |port| ports.contains(&port);
    match payload {
        // A long header of a version that is known (RFC 8999; RFC 9000, RFC 9369, draft 29).
        [first, 0, 0, 0, 1, ..]
        | [first, 0x6b, 0x33, 0x43, 0xcf, ..]
        | [first, 0xff, 0, 0, 0x1d, ..]
            if first & 0xc0 == 0xc0 =>
        {
            return Some(Service::Quic);
        }
        _ if contains_start(payload, b" SIP/2.0\r\n") => return Some(Service::Sip),
        _ => {}
    }
    [
        (123, Service::Ntp),
        (161, Service::Snmp),
        (162, Service::Snmp),
        (514, Service::Syslog),
        (1900, Service::Ssdp),
        (69, Service::Tftp),
        (88, Service::Kerberos),
        (389, Service::Ldap),
        (500, Service::Ike),
        (4500, Service::Ike),
        (5060, Service::Sip),
        (546, Service::Dhcp),
        (547, Service::Dhcp),
        (1812, Service::Radius),
        (1813, Service::Radius),
        (3389, Service::Rdp),
    ]
    .into_iter()
    .find_map(|(port, service)| has(port).then_some(service))
}

fn starts(payload: &[u8], word: &[u8]) -> bool {
    payload.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn contains(payload: &[u8], word: &[u8]) -> bool {
    payload.windows(word.len()).take(512).any(|window| window == word)
}

fn contains_start(payload: &[u8], word: &[u8]) -> bool {
    payload.first().is_some_and(u8::is_ascii_uppercase) && contains(payload, word)
}
