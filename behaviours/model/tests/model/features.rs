//! What a conversation looks like to a model.

use capture::{Flow, Service, State, logs::Reader};
use model::{Bounds, COUNT, Extractor, NAMES, Row};

fn flows(text: &str) -> Vec<Flow> {
    let names = "ts,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,service,duration,orig_bytes,\
                 resp_bytes,conn_state,history,orig_pkts,orig_ip_bytes,resp_pkts,resp_ip_bytes\n";
    let text = format!("{names}{text}");
    let records = Reader::new(text.as_bytes()).map(Result::unwrap);
    records.map(|it| it.flow().unwrap().clone()).collect()
}

fn rows(extractor: &mut Extractor, text: &str) -> Vec<Row> {
    flows(text).iter().map(|flow| extractor.row(flow)).collect()
}

fn of(row: &Row, name: &str) -> f32 {
    row[NAMES.iter().position(|it| it.name == name).unwrap()]
}

const WEB: &str =
    "100,10.0.0.1,50000,203.0.113.5,443,tcp,ssl,2,1000,9000,SF,ShADadFf,10,1500,12,9600\n";

#[test]
fn a_conversation_by_itself_is_told_by_65_numbers() {
    let row = rows(&mut Extractor::default(), WEB)[0];
    let ones = [
        "proto_tcp",
        "svc_ssl",
        "st_SF",
        "h_os",
        "h_oa",
        "h_ra",
        "h_od",
        "h_rd",
        "h_of",
        "h_rf",
        "h_rh",
        "p_wk",
        "p_web",
        "c_newdst",
        "c_dst_ratio",
    ];
    for (feature, value) in NAMES.iter().zip(row).take(30) {
        let wanted = if ones.contains(&feature.name) { 1.0 } else { 0.0 };
        assert!((value - wanted).abs() < f32::EPSILON, "{}: {value}", feature.name);
    }
    for name in ones {
        assert!((of(&row, name) - 1.0).abs() < f32::EPSILON, "{name}");
    }
    let wanted = [
        ("l_duration", 3_f32.ln()),
        ("l_orig_bytes", 1001_f32.ln()),
        ("l_resp_ip_bytes", 9601_f32.ln()),
        ("l_obpp", 151_f32.ln()),
        ("l_pps", 12_f32.ln()),
        ("l_bps", 5551_f32.ln()),
        ("asym_b", -8100.0 / 11101.0),
        ("asym_p", -2.0 / 23.0),
    ];
    for (name, wanted) in wanted {
        assert!((of(&row, name) - wanted).abs() < 1e-5, "{name}: {} {wanted}", of(&row, name));
    }
}

#[test]
fn a_scan_is_seen_among_what_its_source_did_in_five_minutes() {
    let line =
        |port| format!("{port},10.0.0.9,40000,10.0.0.2,{port},tcp,,0,0,0,REJ,Sr,1,60,1,40\n");
    let text = (1..=40).map(line).collect::<Vec<_>>().concat();
    let mut extractor = Extractor::default();
    let last = *rows(&mut extractor, &text).last().unwrap();
    for (name, wanted) in [
        ("c_flows", 41_f32.ln()),
        ("c_dports", 41_f32.ln()),
        ("c_dsts", 2_f32.ln()),
        ("c_fail", 1.0),
        ("c_dports_samedst", 41_f32.ln()),
        ("c_dst_ratio", 1.0 / 40.0),
        ("c_newdst", 0.0),
    ] {
        assert!((of(&last, name) - wanted).abs() < 1e-5, "{name}: {}", of(&last, name));
    }
    // 300 s after port 30 was tried, the ten after it are left, and this one.
    let later =
        rows(&mut extractor, "330.5,10.0.0.9,40000,10.0.0.2,80,tcp,,0,0,0,REJ,Sr,1,60,1,40\n");
    assert!((of(&later[0], "c_flows") - 12_f32.ln()).abs() < 1e-5);
    assert!((of(&later[0], "c_tuple_n") - 2_f32.ln()).abs() < 1e-5, "the first to port 80");
}

#[test]
fn a_guess_by_the_port_alone_is_no_service() {
    let mut flow = flows("5,10.0.0.1,50000,10.0.0.2,80,tcp,,0,0,0,S0,S,1,60,0,0\n").pop().unwrap();
    flow.service = Some(Service::Http);
    let row = Extractor::default().row(&flow);
    assert!(of(&row, "svc_http") < 0.5 && of(&row, "svc_none") > 0.5);
    assert_eq!(flow.state, State::S0);
}

#[test]
fn tables_hold_no_more_than_they_may_and_what_is_told_stays_right() {
    let bounds = Bounds { sources: 4, of_one: 8, of_all: 16, pairs: 8, tuples: 8 };
    let mut extractor = Extractor::new(bounds);
    let flow = flows(WEB).pop().unwrap();
    let mut state: u32 = 1;
    for step in 0..20_000_i64 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut flow = flow.clone();
        flow.originator.address = std::net::Ipv4Addr::from(state >> 29).into();
        flow.responder.address = std::net::Ipv4Addr::from(state << 3 >> 28).into();
        flow.responder.port = u16::try_from(state << 8 >> 30).unwrap();
        // The clock goes back now and then, a little and a lot.
        flow.end.0 = step * 1_000_000_000
            - i64::from(state % 5) * 2_000_000_000_000 * i64::from(step % 100 == 0);
        let row = extractor.row(&flow);
        assert!(row.iter().all(|it| it.is_finite()));
        assert!(of(&row, "c_flows") <= 9_f32.ln() + 1e-6 && of(&row, "c_fail") <= 1.0);
        assert!(of(&row, "c_dsts") <= of(&row, "c_flows") + 1e-6);
        assert!(extractor.sources() <= 4);
    }
}

#[test]
fn the_order_of_the_features_is_the_one_that_models_know() {
    assert_eq!(NAMES.len(), COUNT);
    let names: Vec<&str> = NAMES.iter().map(|it| it.name).collect();
    assert_eq!(
        (names[0], names[16], names[30], names[65], names[78]),
        ("proto_tcp", "svc_none", "l_duration", "c_flows", "c_dst_ratio")
    );
}
