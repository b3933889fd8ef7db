//! How many packets a second one core makes flows of, with all figures, and what a flow takes.
//!
//! Without `VEDETTE_CAPTURE` the packets are made up: web pages, names, attempts, five in a
//! conversation and eight. Beside ours stand softflowd and argus on the same file, where they are.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_types,
    reason = "a benchmark prints figures and may fail"
)]

use std::{fs, io::Cursor, path::Path, process::Command, time::Instant};

use capture::{Counters, Engine, File, Seen, Settings, merge};
use etherparse::PacketBuilder;

const PACKETS: u32 = 2_000_000;

fn main() {
    let named = std::env::var_os("VEDETTE_CAPTURE");
    let bytes = named.as_ref().map_or_else(made_up, |path| fs::read(path).unwrap());
    let size = bytes.len() as f64 / 1e6;
    let mut counts = Vec::new();
    for (name, metadata) in
        [("flows, all figures", false), ("and names, requests, handshakes", true)]
    {
        let mut best = f64::MAX;
        let mut counters = Counters::default();
        for _ in 0..3 {
            let start = Instant::now();
            let (told, flows) = run(&bytes, metadata);
            best = best.min(start.elapsed().as_secs_f64());
            counters = told;
            counts.push(flows);
        }
        let packets = counters.frames as f64;
        println!(
            "{name:<34} {:.2} M packets/s, {:.0} MB/s, {:.0} ns a packet, {} flows",
            packets / best / 1e6,
            size / best,
            best / packets * 1e9,
            counters.flows
        );
    }
    assert!(counts.windows(2).all(|pair| pair.first() == pair.last()), "{counts:?}");
    memory();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("packets.pcap");
    fs::write(&file, &bytes).unwrap();
    beside(&file);
}

fn run(bytes: &[u8], metadata: bool) -> (Counters, u64) {
    let settings = Settings { metadata, max_flows: 1 << 20, ..Settings::default() };
    let mut engine = Engine::new(settings);
    let mut flows = 0_u64;
    let mut tell = |seen: Seen| flows += u64::from(matches!(seen, Seen::Flow(_)));
    let file = File::read("packets", Cursor::new(bytes.to_vec())).unwrap();
    merge(vec![file], &mut |frame| engine.frame(frame, &mut tell), &mut |error| {
        println!("{error}");
    });
    engine.finish(&mut tell);
    (engine.counters().clone(), flows)
}

/// What a conversation takes while it goes on.
fn memory() {
    let settings = Settings { max_flows: 1 << 20, ..Settings::default() };
    let mut engine = Engine::new(settings);
    let before = resident();
    let count = 200_000_u32;
    for number in 0..count {
        let frame = syn(number);
        let at = capture::Moment(i64::from(number) * 1000);
        let frame = capture::Frame { at, link: 1, bytes: &frame, length: 54 };
        engine.frame(frame, &mut |_| {});
    }
    let taken = resident().saturating_sub(before) as f64;
    println!("{:<34} {:.0} bytes a flow", "memory", taken / f64::from(count));
    assert_eq!(engine.open_flows(), count as usize);
}

fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn syn(number: u32) -> Vec<u8> {
    let [_, high, middle, low] = number.to_be_bytes();
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([10, high, middle, low], [192, 0, 2, 1], 64)
        .tcp(40_000, 443, 1, 65_000)
        .syn()
        .write(&mut bytes, b"")
        .unwrap();
    bytes
}

/// A pcap of conversations that go on at the same time.
fn made_up() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(700_000_000);
    bytes.extend([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([255, 255, 0, 0, 1, 0, 0, 0]);
    let page = vec![b'.'; 1200];
    let mut frame = Vec::new();
    for number in 0..PACKETS {
        // Sixty-four conversations at a time, thirty-two packets each.
        let conversation = number / 2048 * 64 + number % 64;
        let step = number / 64 % 32;
        let [_, high, middle, low] = conversation.to_be_bytes();
        let (client, server) = ([10, high, middle, low], [192, 0, 2, low]);
        let asks = step % 2 == 0;
        let (from, to) = if asks { (client, server) } else { (server, client) };
        let ports = if asks { (40_000, 443) } else { (443, 40_000) };
        let tcp = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, 64).tcp(
            ports.0,
            ports.1,
            1 + step * 1200,
            65_000,
        );
        let tcp = if step == 0 { tcp.syn() } else { tcp.ack(1) };
        let tcp = if step == 1 { tcp.syn() } else { tcp };
        let tcp = if step >= 30 { tcp.fin() } else { tcp };
        let payload = match step {
            0..=2 | 30.. => &b""[..],
            _ if asks => b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
            _ => page.get(..300).unwrap_or_default(),
        };
        frame.clear();
        tcp.write(&mut frame, payload).unwrap();
        let length = u32::try_from(frame.len()).unwrap();
        for word in [number / 20_000, number % 20_000 * 50, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(&frame);
    }
    bytes
}

/// What others make of it, by the clock on the wall.
fn beside(file: &Path) {
    let path = file.to_str().unwrap();
    let others = [
        ("softflowd", vec!["-r", path, "-n", "127.0.0.1:9995", "-v", "9"]),
        ("argus", vec!["-r", path, "-w", "/dev/null"]),
    ];
    for (name, arguments) in others {
        let start = Instant::now();
        let Ok(output) = Command::new(name).args(&arguments).output() else {
            println!("{name:<34} is not here");
            continue;
        };
        let seconds = start.elapsed().as_secs_f64();
        let fate = if output.status.success() { "" } else { ", and then failed" };
        println!("{name:<34} {seconds:.2} s for the same file{fate}");
    }
}
