//! Features of logs and captures, as training reads them:
//! `features OUT.npy META.csv [--order end|start|file] FILE…`
//!
//! The matrix is of float32, a conversation a row, in the order of the table `META.csv`, which says
//! of each row from which file and line (0 of a capture) it is, who spoke with whom, and its label. Each file is a
//! capture of its own: what is remembered of sources is forgotten between two.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use capture::{
    Engine, Flow, Seen, Settings,
    logs::{Label, LogError, Reader, Record},
};
use model::{COUNT, Extractor, hash};

const HEAD: &str = "capture,line,start,end,src,sport,dst,dport,proto,service,state,history,\
                    orig_bytes,resp_bytes,label,detail";
/// Bytes of the head of a `.npy` file (its length is a multiple of 64).
const NPY_HEAD: usize = 128;

/// In which order conversations are taken.
#[derive(Clone, Copy)]
enum Order {
    End,
    Start,
    File,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let mut order = Order::End;
    if let Some(at) = arguments.iter().position(|it| it == "--order") {
        order = match arguments.get(at + 1).map(String::as_str) {
            Some("end") => Order::End,
            Some("start") => Order::Start,
            Some("file") => Order::File,
            other => {
                return Err(format!("no order `{other:?}`; there are: end, start, file").into());
            }
        };
        arguments.drain(at..at + 2);
    }
    let [matrix, table, files @ ..] = &arguments[..] else {
        return Err("usage: features OUT.npy META.csv [--order end|start|file] FILE…".into());
    };
    let mut matrix = BufWriter::new(File::create(matrix)?);
    let mut table = BufWriter::new(File::create(table)?);
    matrix.write_all(&[0; NPY_HEAD])?;
    writeln!(table, "{HEAD}")?;
    let mut rows = 0;
    for file in files {
        rows += one(file, order, &mut matrix, &mut table)?;
    }
    matrix.seek(SeekFrom::Start(0))?;
    matrix.write_all(&npy_head(rows))?;
    matrix.flush()?;
    table.flush()?;
    println!("{rows} conversations of {} files; features {}", files.len(), hash());
    Ok(())
}

fn one(
    path: &str,
    order: Order,
    matrix: &mut impl Write,
    table: &mut impl Write,
) -> Result<usize, Box<dyn Error>> {
    let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
    let name = if is_capture(path)? { path } else { &name }.replace([',', '"'], "_");
    let mut rows = if is_capture(path)? { of_capture(path)? } else { of_log(path)? };
    match order {
        Order::End => rows.sort_by_key(|it| (it.flow.end, it.flow.start)),
        Order::Start => rows.sort_by_key(|it| it.flow.start),
        Order::File => {}
    }
    let mut extractor = Extractor::default();
    for told in &rows {
        let row = match order {
            Order::End | Order::File => extractor.row(&told.flow),
            Order::Start => extractor.row_at(&told.flow, told.flow.start),
        };
        for value in row {
            matrix.write_all(&value.to_le_bytes())?;
        }
        describe(table, &name, told)?;
    }
    Ok(rows.len())
}

/// A conversation and where it is from.
struct Told {
    line: u64,
    flow: Flow,
    label: Option<Label>,
}

/// Whether a file is a capture, by how it begins: pcap of either order and either precision,
/// pcapng, or gzip.
fn is_capture(path: &str) -> io::Result<bool> {
    let mut begin = [0; 4];
    let length = File::open(path)?.read(&mut begin)?;
    let begins = |with: &[u8]| begin.get(..length).is_some_and(|it| it.starts_with(with));
    let pcap = [[0xa1, 0xb2, 0xc3, 0xd4], [0xa1, 0xb2, 0x3c, 0x4d]];
    let reversed = pcap.map(|[one, two, three, four]| [four, three, two, one]);
    let plain = pcap.iter().chain(&reversed).any(|it| begins(it));
    Ok(plain || begins(&[0x0a, 0x0d, 0x0d, 0x0a]) || begins(&[0x1f, 0x8b]))
}

fn of_log(path: &str) -> Result<Vec<Told>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for record in Reader::new(BufReader::new(File::open(path)?)) {
        match record {
            Ok(Record { line, seen: Seen::Flow(flow), label }) => {
                rows.push(Told { line, flow: *flow, label });
            }
            Ok(_) => {}
            Err(LogError::Line { line, fault }) => eprintln!("{path}: line {line}: {fault}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(rows)
}

fn of_capture(path: &str) -> Result<Vec<Told>, Box<dyn Error>> {
    let file = capture::File::open(Path::new(path))?;
    let (mut engine, mut rows) = (Engine::new(Settings::default()), Vec::new());
    let mut tell = |seen| {
        if let Seen::Flow(flow) = seen {
            rows.push(Told { line: 0, flow: *flow, label: None });
        }
    };
    capture::merge(vec![file], &mut |frame| engine.frame(frame, &mut tell), &mut |error| {
        eprintln!("{path}: {error}");
    });
    engine.finish(&mut tell);
    Ok(rows)
}

fn describe(table: &mut impl Write, name: &str, told: &Told) -> io::Result<()> {
    let (flow, label) = (&told.flow, told.label.as_ref());
    let malicious = match label.and_then(|it| it.malicious) {
        Some(true) => "1",
        Some(false) => "0",
        None => "",
    };
    let detail = label.map_or("", |it| it.detail.as_str()).replace('"', "'");
    writeln!(
        table,
        "{name},{},{:.6},{:.6},{},{},{},{},{},{},{},{},{},{},{malicious},\"{detail}\"",
        told.line,
        flow.start.secs(),
        flow.end.secs(),
        flow.originator.address,
        flow.originator.port,
        flow.responder.address,
        flow.responder.port,
        flow.protocol.name(),
        flow.service.map_or("-", capture::Service::name),
        flow.state.name(),
        flow.history.replace([',', '"'], ""),
        flow.forward.payload,
        flow.reverse.payload,
    )
}

/// The head of a file of `NumPy`, version 1.0.
fn npy_head(rows: usize) -> Vec<u8> {
    let mut head = b"\x93NUMPY\x01\x00".to_vec();
    let length = u16::try_from(NPY_HEAD - 10).unwrap_or(0);
    head.extend(length.to_le_bytes());
    let what = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {COUNT}), }}");
    head.extend(what.as_bytes());
    head.resize(NPY_HEAD - 1, b' ');
    head.push(b'\n');
    head
}
