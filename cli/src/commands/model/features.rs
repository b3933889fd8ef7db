//! Features of logs and captures, as training reads them.
//!
//! The matrix is of float32, a conversation a row, in the order of the table, which says of each row
//! from which file and line (0 of a capture) it is, who spoke with whom, and its label. Each file is a
//! capture of its own: what is remembered of sources is forgotten between two. Conversations are taken
//! in the order in which they ended, as a probe tells them.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

use capture::{
    Engine, Flow, Seen, Settings,
    logs::{Label, LogError, Reader, Record},
};
use model::{COUNT, Extractor};

use crate::exit::Failure;

const HEAD: &str = "capture,line,start,end,src,sport,dst,dport,proto,service,state,history,\
                    orig_bytes,resp_bytes,label,detail";
/// Bytes of the head of a `.npy` file (its length is a multiple of 64).
const NPY_HEAD: usize = 128;

/// Writes the matrix and the table of all files; says how many conversations there are.
pub(super) fn write(matrix: &Path, table: &Path, files: &[PathBuf]) -> Result<usize, Failure> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| Failure::work(format!("cannot write `{path}`: {error}"))
    };
    let mut out = BufWriter::new(File::create(matrix).map_err(failed(matrix))?);
    let mut told = BufWriter::new(File::create(table).map_err(failed(table))?);
    out.write_all(&[0; NPY_HEAD]).map_err(failed(matrix))?;
    writeln!(told, "{HEAD}").map_err(failed(table))?;
    let mut count = 0;
    for file in files {
        let (name, rows) = rows(file)?;
        let mut extractor = Extractor::default();
        for each in &rows {
            for value in extractor.row(&each.flow) {
                out.write_all(&value.to_le_bytes()).map_err(failed(matrix))?;
            }
            describe(&mut told, &name, each).map_err(failed(table))?;
        }
        count += rows.len();
    }
    let begin = out.seek(SeekFrom::Start(0));
    begin.and_then(|_| out.write_all(&npy_head(count))).map_err(failed(matrix))?;
    out.flush().map_err(failed(matrix))?;
    told.flush().map_err(failed(table))?;
    Ok(count)
}

/// The conversations of a file in the order in which they ended, and what the file is called.
pub(super) fn rows(path: &Path) -> Result<(String, Vec<Told>), Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::work(format!("cannot read `{}`: {error}", path.display()))
    };
    let is_capture = is_capture(path).map_err(|error| cannot(&error))?;
    let name = if is_capture {
        path.display().to_string()
    } else {
        path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    };
    let mut rows = if is_capture {
        of_capture(path).map_err(|error| cannot(&error))?
    } else {
        of_log(path).map_err(|error| cannot(&error))?
    };
    rows.sort_by_key(|it| (it.flow.end, it.flow.start));
    Ok((name.replace([',', '"'], "_"), rows))
}

/// A conversation and where it is from.
pub(super) struct Told {
    line: u64,
    pub(super) flow: Flow,
    pub(super) label: Option<Label>,
}

/// Whether a file is a capture, by how it begins: pcap of either order and either precision,
/// pcapng, or gzip.
fn is_capture(path: &Path) -> io::Result<bool> {
    let mut begin = [0; 4];
    let length = File::open(path)?.read(&mut begin)?;
    let begins = |with: &[u8]| begin.get(..length).is_some_and(|it| it.starts_with(with));
    let pcap = [[0xa1, 0xb2, 0xc3, 0xd4], [0xa1, 0xb2, 0x3c, 0x4d]];
    let reversed = pcap.map(|[one, two, three, four]| [four, three, two, one]);
    let plain = pcap.iter().chain(&reversed).any(|it| begins(it));
    Ok(plain || begins(&[0x0a, 0x0d, 0x0d, 0x0a]) || begins(&[0x1f, 0x8b]))
}

fn of_log(path: &Path) -> Result<Vec<Told>, LogError> {
    let mut rows = Vec::new();
    for record in Reader::new(BufReader::new(
        File::open(path).map_err(|source| LogError::Unreadable { line: 0, source })?,
    )) {
        match record {
            Ok(Record { line, seen: Seen::Flow(flow), label }) => {
                rows.push(Told { line, flow: *flow, label });
            }
            Ok(_) => {}
            Err(LogError::Line { line, fault }) => {
                tracing::warn!("`{}`, line {line}: {fault}", path.display());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

fn of_capture(path: &Path) -> Result<Vec<Told>, capture::FileError> {
    let file = capture::File::open(path)?;
    let (mut engine, mut rows) = (Engine::new(Settings::default()), Vec::new());
    let mut tell = |seen| {
        if let Seen::Flow(flow) = seen {
            rows.push(Told { line: 0, flow: *flow, label: None });
        }
    };
    capture::merge(vec![file], &mut |frame| engine.frame(frame, &mut tell), &mut |error| {
        tracing::warn!("{error}");
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
