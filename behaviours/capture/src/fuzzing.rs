//! What reads what others wrote, as targets for fuzzing.
//!
//! A target takes any bytes and panics when something that must hold does not.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "what must not happen is to be found"
)]

mod seeds;

use std::{fmt, io::Cursor};

use crate::{
    Engine, File, Flow, Frame, Moment, Seen, Settings,
    logs::{EveWriter, LogError, Reader, Record, TableWriter},
};

/// Something that reads what others wrote.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Reads it, and panics when something that must hold does not.
    pub read: fn(&[u8]),
    /// What it reads when all is well, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target { name: "log", read: log, seeds: logs },
    Target { name: "frame", read: frame, seeds: seeds::frames },
    Target { name: "file", read: file, seeds: seeds::files },
];

/// The link types that are read, and one that is not.
const LINKS: [i32; 18] =
    [1, 0, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 228, 229, 239, 276, -1];
/// How much payload is kept.
const KEPT: usize = 64;

/// Frames, one after the other: a byte for the link type, one for tenths of a second since the one
/// before, two for the length. All packets end in flows, all flows can be written and read, and no
/// bound is passed.
pub fn frame(bytes: &[u8]) {
    for verify_checksums in [false, true] {
        let mut engine = Engine::new(Settings {
            verify_checksums,
            payload_bytes: KEPT,
            max_flows: 8,
            max_heads: 4,
            max_fragmented: 4,
            active: 10.0,
            ..Settings::default()
        });
        let (mut flows, mut packets) = (0, 0);
        let mut tell = |seen: Seen| {
            let written = serde_json::to_string(&seen).expect("what is seen can be written");
            drop(serde_json::from_str::<Seen>(&written).expect("and read again"));
            let Seen::Flow(flow) = seen else { return };
            assert!(flow.end >= flow.start, "{written}");
            assert!(flow.forward.first.len().max(flow.reverse.first.len()) <= KEPT, "{written}");
            assert!(flow.history.len() <= 64, "{written}");
            drop(flow.community_id(0));
            flows += 1;
            packets += flow.forward.packets + flow.reverse.packets;
        };
        let (mut rest, mut at, mut frames) = (bytes, 1_700_000_000.0, 0);
        while let Some(([link, pause, high, low], after)) = rest.split_first_chunk::<4>() {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
            let (bytes, after) = after.split_at(length);
            at += f64::from(*pause) / 10.0;
            let link = LINKS.iter().cycle().nth((*link).into()).copied().unwrap_or(1);
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            engine.frame(Frame { at: Moment::from_secs(at), link, bytes, length }, &mut tell);
            assert!(engine.open_flows() <= 8);
            (rest, frames) = (after, frames + 1);
        }
        engine.finish(&mut tell);
        let counters = engine.counters();
        assert_eq!((engine.open_flows(), counters.frames), (0, frames), "{counters:?}");
        assert_eq!((counters.flows, counters.packets), (flows, packets), "{counters:?}");
    }
}

/// A capture: it is read to its end, or to where it makes no sense.
pub fn file(bytes: &[u8]) {
    let Ok(mut file) = File::read("fuzzed", Cursor::new(bytes.to_vec())) else { return };
    let (mut told, mut read) = (0_u64, 0_u64);
    while let Ok(true) = file.next(&mut |frame| {
        assert!(frame.bytes.len() <= 1 << 24);
        told += 1;
    }) {
        read += 1;
    }
    assert_eq!(told, read);
}

/// A log: lines are told in order, all are counted, and what was read is written and read again as
/// the same.
pub fn log(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let (mut flows, mut last, mut bad) = (Vec::new(), 0, 0);
    for record in &mut reader {
        let line = match &record {
            Ok(Record { line, .. })
            | Err(LogError::Line { line, .. } | LogError::Unknown { line, .. }) => *line,
            Err(_) => continue,
        };
        assert!(line > last, "line {line} after {last}");
        last = line;
        match record {
            Ok(record) => flows.extend(record.flow().cloned()),
            Err(LogError::Line { .. }) => bad += 1,
            Err(_) => {}
        }
    }
    assert_eq!(bad, reader.bad());
    let mut tables = [TableWriter::zeek(Vec::new()), TableWriter::csv(Vec::new())];
    let mut events = EveWriter::new(Vec::new());
    for flow in &flows {
        for table in &mut tables {
            table.write(flow, None).expect("writing to memory cannot fail");
        }
        events.flow(flow).expect("writing to memory cannot fail");
    }
    let written = tables.map(TableWriter::finish).into_iter().chain([events.finish()]);
    for written in written {
        let written = written.expect("writing to memory cannot fail");
        let read: Vec<_> = Reader::new(written.as_slice())
            .map(|it| it.expect("what we write can be read"))
            .filter_map(|it| it.flow().map(essence))
            .collect();
        assert_eq!(read, flows.iter().map(essence).collect::<Vec<_>>());
    }
}

/// What every kind of log keeps.
fn essence(flow: &Flow) -> impl PartialEq + fmt::Debug + use<> {
    let way = |way: &crate::Way| (way.packets, way.bytes, way.payload);
    let who = (flow.originator, flow.responder, flow.protocol, flow.service);
    (who, flow.state, way(&flow.forward), way(&flow.reverse))
}

fn logs() -> Vec<Vec<u8>> {
    let texts: [&str; 5] = [
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
         #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\t\
         orig_bytes\tresp_bytes\tconn_state\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\t\
         resp_ip_bytes\tlabel   detailed-label\n\
         1.5\tC1\t192.0.2.9\t34606\t198.51.100.17\t80\ttcp\thttp\t0.04\t87\t147\tSF\tShADadfF\t10\t\
         710\t8\t726\tMalicious   C&C\n",
        "ts,id.orig_h,id.resp_h,proto,conn_state,ip_proto,vlan,orig_l2_addr,resp_l2_addr\n\
         2026-01-02T03:04:05Z,fe80::1,ff02::2,icmp,OTH,58,7,00:01:02:03:04:05,\"ff:ff:ff:ff:ff:ff\"\n",
        "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,TotPkts,TotBytes,SrcBytes,Label\n\
         2011/08/10 09:46:59.607825,1.02,tcp,192.0.2.104,4334,<-,198.51.100.9,0x50,S_RA,4,276,156,\
         flow=From-Botnet\n",
        r#"{"timestamp":"2026-01-02T03:04:05.0+0000","flow_id":7,"event_type":"tls","src_ip":"192.0.2.1","dest_ip":"::1","tls":{"sni":"a.test","version":"TLS 1.3","ja3":{"hash":"aa"}}}
{"timestamp":"2026-01-02T03:05:00.0+0000","flow_id":7,"event_type":"flow","src_ip":"192.0.2.1","src_port":5000,"dest_ip":"198.51.100.2","dest_port":443,"proto":"TCP","app_proto":"tls","vlan":[1],"flow":{"pkts_toserver":6,"pkts_toclient":5,"bytes_toserver":1084,"bytes_toclient":4070,"start":"2026-01-02T03:04:05.0+0000","end":"2026-01-02T03:04:07.5+0000","state":"closed","reason":"timeout"},"tcp":{"tcp_flags_ts":"1b","tcp_flags_tc":"1b"},"vedette":{"state":"SF","history":"Sh","forward":{"bytes":1,"payload":2},"part":1}}
"#,
        r#"{"timestamp":"2026-01-02T03:04:05.0+0000","event_type":"dns","src_ip":"192.0.2.1","src_port":53,"dest_ip":"192.0.2.2","dest_port":9,"dns":{"type":"answer","queries":[{"rrname":"a.test","rrtype":"A"}],"rcode":"NXDOMAIN","answers":[{"rrtype":"A","rdata":"192.0.2.1"}]}}
{"ts":1.5,"id.orig_h":"192.0.2.1","id.orig_p":1,"id.resp_h":"192.0.2.2","id.resp_p":2,"proto":"udp","duration":8e-05,"conn_state":"S0","orig_pkts":1}
"#,
    ];
    texts.map(|it| it.as_bytes().to_vec()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_or_capture_with_one_byte_changed_is_read_or_refused() {
        change(frame, seeds::frames(), 3);
        change(file, seeds::files(), 31);
    }

    /// Changes one byte of so many, and cuts off there.
    fn change(read: fn(&[u8]), seeds: Vec<Vec<u8>>, step: usize) {
        for seed in seeds {
            read(&seed);
            let places = (0..seed.len()).step_by(step);
            for (at, change) in places.zip([0x01, 0x80, 0xff].iter().cycle()) {
                let mut bytes = seed.clone();
                bytes[at] ^= change;
                read(&bytes);
                read(&seed[..at]);
            }
        }
    }

    #[test]
    fn the_frames_to_begin_with_reach_every_reader() {
        use crate::Service::{Dhcp, Dns, Ftp, Http, Quic, Smtp, Ssh, Telnet, Tls};

        let (mut services, mut links, mut told) = (Vec::new(), 0, [0; 3]);
        let mut hellos = 0;
        for seed in seeds::frames() {
            let mut engine = Engine::new(Settings::default());
            let mut tell = |seen: Seen| match seen {
                Seen::Flow(flow) => {
                    services.extend(flow.service);
                    let tls = flow.metadata.and_then(|metadata| metadata.tls);
                    hellos += usize::from(tls.is_some_and(|tls| tls.server_name.is_some()));
                }
                Seen::Dns(_) => told[0] += 1,
                Seen::Arp(_) => told[1] += 1,
                Seen::Dhcp(_) => told[2] += 1,
            };
            let mut rest = &seed[..];
            while let Some(([link, _, high, low], after)) = rest.split_first_chunk::<4>() {
                let (bytes, after) = after.split_at(u16::from_be_bytes([*high, *low]).into());
                let link = LINKS[usize::from(*link)];
                engine.frame(Frame { at: Moment(0), link, bytes, length: 60 }, &mut tell);
                rest = after;
            }
            engine.finish(&mut tell);
            let counters = engine.counters();
            links += usize::from(counters.packets > 0);
            assert_eq!(counters.malformed, 0, "{counters:?} {seed:?}");
        }
        for service in [Dns, Dhcp, Http, Smtp, Tls, Ssh, Ftp, Telnet, Quic] {
            assert!(services.contains(&service), "{service:?} of {services:?}");
        }
        // Of SMTP, TLS and QUIC; all link types but the one that is not read.
        assert_eq!((hellos, told[1], told[2]), (3, 2, 1), "{told:?}");
        assert_eq!(links, 9 + 17);
    }

    #[test]
    fn a_log_with_any_one_byte_changed_is_read_or_refused() {
        for seed in logs() {
            log(&seed);
            for at in 0..seed.len() {
                for change in [0x00, 0xff, b',', b'\t', b'9', b'-', b'"', b'\n'] {
                    let mut text = seed.clone();
                    text[at] = change;
                    log(&text);
                }
                log(&seed[..at]);
            }
        }
    }
}
