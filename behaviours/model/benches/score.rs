//! Conversations a second and core: their features, their scores by both engines in batches, and
//! all of it end to end. `MODEL=FILE.onnx` scores with another model than the one that is made up
//! here (120 trees of 31 leaves).

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    reason = "a benchmark prints figures and may fail"
)]

use std::{fs, hint::black_box, net::Ipv4Addr, time::Duration};

use capture::{Flow, logs::Reader};
use model::{
    COUNT, Extractor, Row,
    drift::Drift,
    explain::explain,
    onnx::{self, Attribute, Node, Onnx, Port},
    score::{Native, Runtime, Scorer},
};

const FLOWS: u32 = 400_000;
const HOSTS: u32 = 500;
const BATCHES: [usize; 3] = [1, 32, 1024];

/// CPU time of this process so far.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// Does it three times; tells how many a second of CPU the best did.
fn rate(name: &str, count: usize, mut work: impl FnMut()) {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let begun = cpu();
        work();
        best = best.min(cpu().saturating_sub(begun));
    }
    let each = best.as_nanos() as f64 / count as f64;
    println!("score: {name}: {:.0} a second and core ({each:.0} ns each)", 1e9 / each);
}

fn random(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*state >> 33) as u32
}

/// Conversations of an office: most go to few places, some hosts scan.
fn flows() -> Vec<Flow> {
    let line = "ts,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,service,duration,orig_bytes,\
                resp_bytes,conn_state,history,orig_pkts,orig_ip_bytes,resp_pkts,resp_ip_bytes\n\
                1600000000,10.0.0.1,50000,203.0.113.5,443,tcp,ssl,2,1000,9000,SF,ShADadFf,10,1500,12,9600\n";
    let pattern = Reader::new(line.as_bytes()).next().unwrap().unwrap().flow().unwrap().clone();
    let mut state = 1;
    let made = |number: u32| {
        let mut flow = pattern.clone();
        let host = random(&mut state) % HOSTS;
        let scans = host.is_multiple_of(50);
        flow.originator.address = Ipv4Addr::from(0x0a00_0000 + host).into();
        let targets = if scans { 60_000 } else { 40 };
        flow.responder.address = Ipv4Addr::from(0xc000_0200 + random(&mut state) % targets).into();
        flow.responder.port = [443, 80, 53, 22, 445][random(&mut state) as usize % 5];
        flow.forward.payload = u64::from(random(&mut state) % 5_000);
        flow.end.0 += i64::from(number) * 1_000_000;
        flow.start.0 = flow.end.0 - i64::from(random(&mut state) % 1_000_000);
        flow
    };
    (0..FLOWS).map(made).collect()
}

/// Trees that ask at random: 120 of 31 leaves.
fn trees() -> Onnx {
    let mut state = 9;
    let mut node = Node {
        operation: "TreeEnsembleClassifier".into(),
        domain: "ai.onnx.ml".into(),
        inputs: vec!["x".into()],
        outputs: vec!["label".into(), "probabilities".into()],
        ..Node::default()
    };
    let mut ints: Vec<(&str, Vec<i64>)> = [
        "nodes_treeids",
        "nodes_nodeids",
        "nodes_featureids",
        "nodes_truenodeids",
        "nodes_falsenodeids",
        "class_treeids",
        "class_nodeids",
        "class_ids",
    ]
    .map(|it| (it, Vec::new()))
    .into();
    let (mut modes, mut values, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for tree in 0..120 {
        for at in 0..61 {
            let leaf = at >= 30;
            let told = [tree, at, i64::from(random(&mut state) % 79), 2 * at + 1, 2 * at + 2];
            for (all, value) in ints.iter_mut().zip(told) {
                all.1.push(value);
            }
            modes.push(if leaf { "LEAF".to_owned() } else { "BRANCH_LEQ".to_owned() });
            values.push((random(&mut state) % 1_000) as f32 / 200.0 - 1.0);
            if leaf {
                for (all, value) in ints.iter_mut().skip(5).zip([tree, at, 0]) {
                    all.1.push(value);
                }
                weights.push((random(&mut state) % 1_000) as f32 / 5_000.0 - 0.1);
            }
        }
    }
    for (name, ints) in ints {
        node.attributes.insert(name.into(), Attribute { ints, ..Attribute::default() });
    }
    let floats = |floats| Attribute { floats, ..Attribute::default() };
    node.attributes.insert("nodes_values".into(), floats(values));
    node.attributes.insert("class_weights".into(), floats(weights));
    let texts = Attribute { texts: modes, ..Attribute::default() };
    node.attributes.insert("nodes_modes".into(), texts);
    let transform = Attribute { text: "LOGISTIC".into(), ..Attribute::default() };
    node.attributes.insert("post_transform".into(), transform);
    let classes = Attribute { ints: vec![0, 1], ..Attribute::default() };
    node.attributes.insert("classlabels_int64s".into(), classes);
    let port = |name: &str, width| Port {
        name: name.into(),
        element: Some(Port::FLOAT),
        shape: vec![None, Some(width)],
    };
    Onnx {
        nodes: vec![node],
        inputs: vec![port("x", COUNT as i64)],
        outputs: vec![port("probabilities", 2)],
        ..Onnx::default()
    }
}

fn score(model: &mut dyn Scorer, rows: &[Row]) {
    for batch in BATCHES {
        let rows = if batch == 1 { &rows[..rows.len() / 8] } else { rows };
        let name = format!("{} in batches of {batch}", model.engine());
        rate(&name, rows.len(), || {
            let mut scores = Vec::with_capacity(rows.len());
            for rows in rows.chunks(batch) {
                model.score(rows, &mut scores).unwrap();
            }
            black_box(scores);
        });
    }
}

fn main() {
    let flows = flows();
    rate("features", flows.len(), || {
        let mut extractor = Extractor::default();
        for flow in &flows {
            black_box(extractor.row(flow));
        }
    });
    let mut extractor = Extractor::default();
    let rows: Vec<Row> = flows.iter().take(100_000).map(|flow| extractor.row(flow)).collect();
    let bytes = std::env::var_os("MODEL").map(|path| fs::read(path).unwrap());
    let onnx = bytes.as_ref().map_or_else(trees, |bytes| onnx::read(bytes).unwrap());
    let mut native = Native::new(&onnx).unwrap();
    score(&mut native, &rows);
    match bytes.as_ref().map(|bytes| Runtime::new(bytes)) {
        Some(Ok(mut runtime)) => score(&mut runtime, &rows),
        Some(Err(error)) => println!("score: onnxruntime: {error}"),
        None => println!("score: onnxruntime: needs a file, `MODEL=FILE.onnx`"),
    }
    rate("end to end, native in batches of 256", flows.len(), || {
        let mut extractor = Extractor::default();
        let mut scores = Vec::with_capacity(flows.len());
        for flows in flows.chunks(256) {
            let rows: Vec<Row> = flows.iter().map(|flow| extractor.row(flow)).collect();
            native.score(&rows, &mut scores).unwrap();
        }
        black_box(scores);
    });
    rate("explanations", 4_000, || {
        for row in &rows[..4_000] {
            black_box(explain(&mut native, row, &[]).unwrap());
        }
    });
    let histogram = model::card::Histogram {
        edges: vec![0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0],
        shares: vec![0.1; 10],
    };
    let mut drift = Drift::new(&vec![histogram; COUNT]).unwrap();
    rate("drift", rows.len(), || rows.iter().for_each(|row| drift.add(row)));
}
