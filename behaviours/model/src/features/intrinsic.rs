//! The 65 features of a conversation by itself.

use capture::{Flow, Protocol, Service, State};

use super::{
    Cells,
    address::{Reach, reach},
    real,
};

/// The services that are told apart, in order.
const SERVICES: [Service; 13] = [
    Service::Dns,
    Service::Http,
    Service::Tls,
    Service::Ssh,
    Service::Smtp,
    Service::Ftp,
    Service::Dhcp,
    Service::Ntp,
    Service::Smb,
    Service::Irc,
    Service::Snmp,
    Service::Rdp,
    Service::Quic,
];
/// The letters of a history, in order.
const LETTERS: [u8; 12] = *b"SAaDdFfRrhTt";
const WEB: [u16; 4] = [80, 443, 8080, 8443];
const ADMIN: [u16; 10] = [22, 23, 2323, 3389, 5900, 445, 139, 135, 5985, 5986];
const MAIL: [u16; 7] = [25, 465, 587, 110, 143, 993, 995];
/// The least time that rates are reckoned with, in seconds.
const SHORTEST: f64 = 1e-3;

pub(super) fn fill(cells: &mut Cells<'_>, flow: &Flow) {
    cells.flag(flow.protocol == Protocol::TCP);
    cells.flag(flow.protocol == Protocol::UDP);
    cells.flag(flow.protocol.is_icmp());
    let service = spoken(flow);
    for one in SERVICES {
        cells.flag(service == Some(one));
    }
    cells.flag(service.is_none());
    for state in State::ALL {
        cells.flag(flow.state == state);
    }
    amounts(cells, flow);
    let history = flow.history.as_bytes();
    for letter in LETTERS {
        cells.flag(history.contains(&letter));
    }
    let port = flow.responder.port;
    cells.flag(port < 1024);
    cells.flag(port >= 32768);
    cells.flag(WEB.contains(&port));
    cells.flag(ADMIN.contains(&port));
    cells.flag(MAIL.contains(&port));
    cells.flag(port == 53);
    cells.flag(flow.originator.port < 1024);
    let target = reach(flow.responder.address);
    cells.flag(target == Reach::Public);
    cells.flag(target == Reach::Many);
    cells.flag(reach(flow.originator.address) == Reach::Public);
}

fn amounts(cells: &mut Cells<'_>, flow: &Flow) {
    let (sent, answered) = (&flow.forward, &flow.reverse);
    let [sent_bytes, answered_bytes] = [real(sent.bytes), real(answered.bytes)];
    let [sent_packets, answered_packets] = [real(sent.packets), real(answered.packets)];
    let seconds = flow.duration();
    cells.log(seconds);
    cells.log(real(sent.payload));
    cells.log(real(answered.payload));
    cells.log(sent_packets);
    cells.log(answered_packets);
    cells.log(sent_bytes);
    cells.log(answered_bytes);
    cells.log(sent_bytes / sent_packets.max(1.0));
    cells.log(answered_bytes / answered_packets.max(1.0));
    cells.log((sent_packets + answered_packets) / seconds.max(SHORTEST));
    cells.log((sent_bytes + answered_bytes) / seconds.max(SHORTEST));
    let asymmetry = |one: f64, other: f64| (one - other) / (one + other + 1.0);
    cells.add(asymmetry(sent_bytes, answered_bytes));
    cells.add(asymmetry(sent_packets, answered_packets));
}

/// What is spoken, told from what was said. A guess by the port alone (of a conversation in which
/// nothing was said) does not count: a log of Zeek has none, and models are trained on those.
fn spoken(flow: &Flow) -> Option<Service> {
    let said =
        flow.forward.payload > 0 || flow.reverse.payload > 0 || flow.history.contains(['D', 'd']);
    flow.service.filter(|_| said)
}
