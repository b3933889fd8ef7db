//! Logs of other programs are read as what they say.

use capture::{
    DnsAnswer, Flow, Protocol, Seen, Service, State,
    logs::{Alert, EveWriter, LONGEST, Label, LogError, Reader, Record, TableWriter},
};

fn read(text: &str) -> Vec<Result<Record, LogError>> {
    Reader::new(text.as_bytes()).collect()
}

fn flows(text: &str) -> Vec<(Flow, Option<Label>)> {
    let records = read(text).into_iter().map(Result::unwrap);
    records.map(|it| (it.flow().unwrap().clone(), it.label)).collect()
}

const ZEEK: &str = "#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tconn
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents
1676851429.981575\tCw1\t192.0.2.9\t34606\t198.51.100.17\t80\ttcp\thttp\t0.038607\t87\t147\tSF\t-\t-\t0\tShADTdtfFa\t10\t710\t8\t726\t(empty)
#close\t2026-01-01-00-00-00
";

#[test]
fn a_line_of_zeek_tells_all_that_it_has() {
    let [(flow, None)] = &flows(ZEEK)[..] else { panic!("one flow without label") };
    assert_eq!(flow.start.0, 1_676_851_429_981_575_000);
    assert_eq!(flow.end.0 - flow.start.0, 38_607_000);
    assert_eq!(flow.originator.address.to_string(), "192.0.2.9");
    assert_eq!((flow.originator.port, flow.responder.port), (34606, 80));
    assert_eq!((flow.protocol, flow.service), (Protocol::TCP, Some(Service::Http)));
    assert_eq!((flow.state, flow.history.as_str()), (State::Sf, "ShADTdtfFa"));
    assert_eq!((flow.forward.packets, flow.forward.bytes, flow.forward.payload), (10, 710, 87));
    assert_eq!((flow.reverse.packets, flow.reverse.bytes, flow.reverse.payload), (8, 726, 147));
}

#[test]
fn the_same_conversation_is_read_the_same_from_tabs_commas_and_json() {
    let csv = "ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,service,duration,orig_bytes,resp_bytes,conn_state,history,orig_pkts,orig_ip_bytes,resp_pkts,resp_ip_bytes\n\
        1676851429.981575,Cw1,192.0.2.9,34606,198.51.100.17,80,tcp,http,0.038607,87,147,SF,ShADTdtfFa,10,710,8,726\n";
    let json = r#"{"ts":1676851429.981575,"uid":"Cw1","id.orig_h":"192.0.2.9","id.orig_p":34606,"id.resp_h":"198.51.100.17","id.resp_p":80,"proto":"tcp","service":"http","duration":0.038607,"orig_bytes":87,"resp_bytes":147,"conn_state":"SF","local_orig":true,"history":"ShADTdtfFa","orig_pkts":10,"orig_ip_bytes":710,"resp_pkts":8,"resp_ip_bytes":726}"#;
    let iso = json.replace("1676851429.981575", r#""2023-02-20T00:03:49.981575Z""#);
    let wanted = flows(ZEEK);
    assert_eq!(flows(csv), wanted);
    assert_eq!(flows(json), wanted);
    assert_eq!(flows(&iso), wanted);
}

#[test]
fn labels_are_read_in_every_way_that_data_sets_write_them() {
    let tail = |names: &str, values: &str| {
        format!(
            "#fields\tts\tid.orig_h\tid.resp_h\tproto\ttunnel_parents{names}\n1.5\t192.0.2.1\t192.0.2.2\tudp\t(empty){values}\n"
        )
    };
    let label = |text: &str| flows(text).pop().unwrap().1;
    let wanted = |malicious, detail: &str| Some(Label { malicious, detail: detail.into() });
    let tabs = tail("\tlabel\tdetailedlabel", "\tMalicious\tC&C");
    assert_eq!(label(&tabs), wanted(Some(true), "C&C"));
    let spaces = tail("   label   detailed-label", "   Malicious   PartOfAHorizontalPortScan");
    assert_eq!(label(&spaces), wanted(Some(true), "PartOfAHorizontalPortScan"));
    let benign = tail("   label   detailed-label", "   benign   -");
    assert_eq!(label(&benign), wanted(Some(false), ""));
    let neither = tail("\tlabel\tdetailedlabel", "\tBackground\t(empty)");
    assert_eq!(label(&neither), wanted(None, "Background"));
}

#[test]
fn a_bad_line_is_told_by_number_and_the_next_is_read() {
    let mut text = ZEEK.replace("#close\t2026-01-01-00-00-00\n", "");
    let good = text.lines().last().unwrap().to_owned();
    text.push_str(&good.replace("192.0.2.9", "192.0.2.999"));
    text.push('\n');
    text.push_str(&good.replace("\tSF\t", "\tQQ\t"));
    text.push_str("\n{\"ts\":\n");
    text.push_str(&"x".repeat(LONGEST + 1));
    text.push_str("\n\n");
    text.push_str(&good);
    let mut reader = Reader::new(text.as_bytes());
    let mut bad = Vec::new();
    for record in &mut reader {
        if let Err(LogError::Line { line, fault }) = record {
            bad.push((line, fault.to_string()));
        }
    }
    let lines: Vec<u64> = bad.iter().map(|it| it.0).collect();
    assert_eq!(lines, [8, 9, 10, 11]);
    assert_eq!(bad[0].1, "`id.orig_h` is `192.0.2.999`, not an address");
    assert_eq!(bad[1].1, "`conn_state` is `QQ`, not a state such as `SF`");
    assert_eq!((reader.told(), reader.bad()), (2, 4));
}

#[test]
fn what_is_no_log_is_refused_at_once() {
    let records = read("GET / HTTP/1.1\nHost: x\n");
    let [Err(error)] = &records[..] else { panic!("{records:?}") };
    assert!(error.to_string().starts_with("line 1 is `GET / HTTP/1.1`; it would have to begin"));
}

#[test]
fn argus_tells_flows_by_the_flags_of_both_ways() {
    let text = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label\n\
        2011/08/10 09:46:59.607825,1.026539,tcp,192.0.2.104,4334,   ->,198.51.100.9,80,S_RA,0,0,4,276,156,flow=From-Botnet-V42-TCP-Attempt\n\
        2011/08/10 09:47:00.634364,1.009595,udp,192.0.2.16,53,  <->,192.0.2.104,1028,CON,0,0,2,214,81,flow=To-Normal-V42-UDP\n\
        2011/08/10 09:47:01.000000,0.5,icmp,192.0.2.16,0x0303,   ->,192.0.2.104,0xa17e,URP,0,,1,70,70,flow=Background\n";
    let told = flows(text);
    let states: Vec<State> = told.iter().map(|it| it.0.state).collect();
    assert_eq!(states, [State::Rej, State::Sf, State::Oth]);
    let labels: Vec<_> = told.iter().map(|it| it.1.as_ref().unwrap().malicious).collect();
    assert_eq!(labels, [Some(true), Some(false), None]);
    let first = &told[0].0;
    assert_eq!((first.forward.packets, first.reverse.packets), (2, 2));
    assert_eq!((first.forward.bytes, first.reverse.bytes), (156 - 28, 120 - 28));
    assert_eq!((first.start.0, first.history.as_str()), (1_312_969_619_607_825_000, "Sar"));
    assert_eq!(told[2].0.originator.port, 0x303);
}

#[test]
fn ras_default_columns_are_enough() {
    let text = "StartTime,Flgs,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,TotPkts,TotBytes,State\n\
        09:46:59.607825, e ,tcp,192.0.2.104,4334,<-,198.51.100.9,80,4,276,CON\n";
    let flow = flows(text).pop().unwrap().0;
    assert_eq!(flow.originator.port, 80, "the arrow says who began");
    assert_eq!(flow.forward.packets + flow.reverse.packets, 4);
}

#[test]
fn suricata_tells_flows_with_what_was_said_before_they_ended() {
    let text = r#"{"timestamp":"2026-01-02T03:04:05.000001+0000","flow_id":7,"event_type":"tls","src_ip":"192.0.2.1","src_port":5000,"dest_ip":"198.51.100.2","dest_port":443,"proto":"TCP","tls":{"sni":"example.org","version":"TLS 1.3","ja3":{"hash":"aa"},"ja4":"t13d"}}
{"timestamp":"2026-01-02T03:04:05.000001+0000","flow_id":7,"event_type":"alert","src_ip":"192.0.2.1","src_port":5000,"dest_ip":"198.51.100.2","dest_port":443,"proto":"TCP","alert":{"signature":"ET MALWARE X","severity":1}}
{"timestamp":"2026-01-02T03:04:06.000001+0000","flow_id":8,"event_type":"dns","src_ip":"192.0.2.1","src_port":5001,"dest_ip":"192.0.2.53","dest_port":53,"proto":"UDP","dns":{"version":2,"type":"answer","rrname":"Example.ORG","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"example.org","rrtype":"A","rdata":"198.51.100.2"}]}}
{"timestamp":"2026-01-02T03:05:00.000000+0000","event_type":"stats","stats":{}}
{"timestamp":"2026-01-02T03:05:00.000000+0000","flow_id":7,"event_type":"flow","src_ip":"192.0.2.1","src_port":5000,"dest_ip":"198.51.100.2","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{"pkts_toserver":6,"pkts_toclient":5,"bytes_toserver":1084,"bytes_toclient":4070,"start":"2026-01-02T03:04:05.000000+0000","end":"2026-01-02T03:04:07.500000+0000","state":"closed","reason":"timeout"},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"1b"}}
"#;
    let mut reader = Reader::new(text.as_bytes());
    let records: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!((records.len(), reader.other()), (2, 3));
    let Seen::Dns(dns) = &records[0].seen else { panic!("{records:?}") };
    assert_eq!((dns.name.as_str(), dns.kind, dns.code), ("example.org", 1, Some(0)));
    assert_eq!(dns.answers, [DnsAnswer::Address("198.51.100.2".parse().unwrap())]);
    assert_eq!((dns.client.port, dns.server.port), (5001, 53));
    let flow = records[1].flow().unwrap();
    assert_eq!((flow.state, flow.service), (State::Sf, Some(Service::Tls)));
    assert_eq!((flow.forward.packets, flow.forward.bytes), (6, 1000));
    assert!((flow.duration() - 2.5).abs() < 1e-9);
    let tls = flow.metadata.as_ref().unwrap().tls.as_ref().unwrap();
    assert_eq!((tls.server_name.as_deref(), tls.version), (Some("example.org"), Some(0x304)));
    let label = records[1].label.clone().unwrap();
    assert_eq!(label, Label { malicious: None, detail: "ET MALWARE X".into() });
}

/// Conversations of every kind, as a log can hold them.
fn every_kind() -> Vec<Flow> {
    let first = flows(ZEEK).pop().unwrap().0;
    let protocols = [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol(47)];
    let services = Service::ALL.iter().copied().map(Some).chain([None]);
    let mut all = Vec::new();
    for (number, (service, state)) in services.zip(State::ALL.into_iter().cycle()).enumerate() {
        let mut flow = first.clone();
        flow.service = service;
        flow.state = state;
        flow.protocol = protocols[number % 4];
        flow.start.0 += 1_000 * i64::try_from(number).unwrap();
        flow.vlan = (number % 3 == 0).then_some(42);
        flow.forward.payload = u64::try_from(number).unwrap();
        flow.history = if number % 5 == 0 { String::new() } else { "^ShADr".into() };
        flow.ended = if matches!(state, State::S0 | State::S1 | State::S2 | State::S3 | State::Oth)
        {
            capture::Ended::Idle
        } else {
            capture::Ended::Closed
        };
        all.push(flow);
    }
    let mut v6 = first;
    v6.originator.address = "2001:db8::1".parse().unwrap();
    v6.responder.address = "2001:db8::2".parse().unwrap();
    v6.protocol = Protocol::ICMP6;
    all.push(v6.clone());
    // Nothing keeps a sender from putting ICMP of IPv4 into IPv6.
    v6.protocol = Protocol::ICMP;
    all.push(v6);
    all
}

fn told(text: Vec<u8>) -> Vec<(Flow, Option<Label>)> {
    flows(&String::from_utf8(text).unwrap())
}

#[test]
fn a_table_is_read_as_it_was_written() {
    let label = Label { malicious: Some(true), detail: "C&C, \"loud\"".into() };
    let mut wanted = every_kind();
    for flow in &mut wanted {
        flow.link = Some([[0, 1, 2, 3, 4, 5], [0xff; 6]]);
    }
    for mut writer in [TableWriter::zeek(Vec::new()), TableWriter::csv(Vec::new())] {
        for flow in &wanted {
            writer.write(flow, Some(&label)).unwrap();
        }
        let read = told(writer.finish().unwrap());
        assert_eq!(read.len(), wanted.len());
        for ((flow, said), wanted) in read.iter().zip(&wanted) {
            assert_eq!(flow, wanted);
            assert_eq!(said.as_ref(), Some(&label));
        }
    }
}

#[test]
fn events_are_read_as_they_were_written_and_alerts_beside_them() {
    let wanted = every_kind();
    let mut writer = EveWriter::new(Vec::new());
    for flow in &wanted {
        writer.flow(flow).unwrap();
    }
    let alert = Alert {
        at: wanted[0].end,
        source: wanted[0].originator,
        target: wanted[0].responder,
        protocol: Protocol::TCP,
        signature_id: 1_000_001,
        signature: "192.0.2.9 tries ports one after the other",
        category: "scan",
        severity: 2,
        more: serde_json::json!({ "ports": 20 }),
    };
    writer.alert(&alert).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    let last = text.lines().last().unwrap();
    assert!(last.contains(r#""signature":"192.0.2.9 tries ports one after the other""#), "{last}");
    let read = flows(&text);
    let read: Vec<&Flow> = read.iter().map(|it| &it.0).collect();
    assert_eq!(read, wanted.iter().collect::<Vec<_>>());
}
