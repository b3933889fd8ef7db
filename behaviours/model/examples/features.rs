//! Features of logs, as training reads them: `features OUT.npy META.csv [--order end|start|file] LOG…`
//!
//! The matrix is of float32, a conversation a row, in the order of the table `META.csv`, which says
//! of each row from which file and line it is, who spoke with whom, and its label. Each file is a
//! capture of its own: what is remembered of sources is forgotten between two.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]

use std::{
    env,
    error::Error,
    fs::File,
    io::{BufReader, BufWriter, Seek, SeekFrom, Write},
    path::Path,
};

use capture::{
    Flow,
    logs::{LogError, Reader, Record},
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
    let [matrix, table, logs @ ..] = &arguments[..] else {
        return Err("usage: features OUT.npy META.csv [--order end|start|file] LOG…".into());
    };
    let mut matrix = BufWriter::new(File::create(matrix)?);
    let mut table = BufWriter::new(File::create(table)?);
    matrix.write_all(&[0; NPY_HEAD])?;
    writeln!(table, "{HEAD}")?;
    let mut rows = 0;
    for log in logs {
        rows += one(log, order, &mut matrix, &mut table)?;
    }
    matrix.seek(SeekFrom::Start(0))?;
    matrix.write_all(&npy_head(rows))?;
    matrix.flush()?;
    table.flush()?;
    println!("{rows} conversations of {} files; features {}", logs.len(), hash());
    Ok(())
}

fn one(
    log: &str,
    order: Order,
    matrix: &mut impl Write,
    table: &mut impl Write,
) -> Result<usize, Box<dyn Error>> {
    let name = Path::new(log).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut records = Vec::new();
    for record in Reader::new(BufReader::new(File::open(log)?)) {
        match record {
            Ok(record) if record.flow().is_some() => records.push(record),
            Ok(_) => {}
            Err(LogError::Line { line, fault }) => eprintln!("{log}: line {line}: {fault}"),
            Err(error) => return Err(error.into()),
        }
    }
    match order {
        Order::End => records.sort_by_key(|it| it.flow().map(|flow| (flow.end, flow.start))),
        Order::Start => records.sort_by_key(|it| it.flow().map(|flow| flow.start)),
        Order::File => {}
    }
    let mut extractor = Extractor::default();
    let mut rows = 0;
    for record in &records {
        let Some(flow) = record.flow() else { continue };
        let row = match order {
            Order::End | Order::File => extractor.row(flow),
            Order::Start => extractor.row_at(flow, flow.start),
        };
        for value in row {
            matrix.write_all(&value.to_le_bytes())?;
        }
        describe(table, &name, record, flow)?;
        rows += 1;
    }
    Ok(rows)
}

fn describe(
    table: &mut impl Write,
    name: &str,
    record: &Record,
    flow: &Flow,
) -> std::io::Result<()> {
    let label = record.label.as_ref();
    let malicious = match label.and_then(|it| it.malicious) {
        Some(true) => "1",
        Some(false) => "0",
        None => "",
    };
    let detail = label.map_or("", |it| it.detail.as_str()).replace('"', "'");
    writeln!(
        table,
        "{name},{},{:.6},{:.6},{},{},{},{},{},{},{},{},{},{},{malicious},\"{detail}\"",
        record.line,
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
