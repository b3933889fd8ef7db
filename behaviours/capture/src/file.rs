//! Capture files: pcap and pcapng, gzipped or not, several of them in order of time.

use std::{
    fmt,
    fs::File as Disk,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use pcap_parser::{PcapBlockOwned, PcapError, create_reader, traits::PcapReaderIterator};

use crate::{Frame, Moment};

/// How much of a file is read at once.
const BUFFER: usize = 1 << 20;
/// The largest block of a file that is read; what claims to be larger is damaged.
const LARGEST: usize = 1 << 24;
/// How many interfaces a pcapng section may describe.
const INTERFACES: usize = 4096;

/// One capture being read.
pub struct File {
    name: String,
    reader: Box<dyn PcapReaderIterator + Send>,
    /// Of pcap the one, of pcapng those of the section.
    interfaces: Vec<Interface>,
    pending: usize,
    nanoseconds: bool,
    frames: u64,
    cut_off: bool,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: i32,
    /// Units a second.
    resolution: u64,
    /// Seconds that are added.
    offset: i64,
    /// How much of a packet is kept; 0 for all.
    snaplen: u32,
}

/// Why a capture cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be opened.
    #[error("cannot open `{}`", path.display())]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It is something else.
    #[error("`{name}` is no capture: it starts neither as pcap nor as pcapng does")]
    NotACapture {
        /// Which.
        name: String,
    },
    /// It cannot be read on.
    #[error("`{name}` cannot be read after {frames} frames: the block at byte {at} makes no sense")]
    Damaged {
        /// Which.
        name: String,
        /// How many frames were read.
        frames: u64,
        /// Where reading ended, in the file as it is unpacked.
        at: usize,
    },
    /// The disk or the pipe failed.
    #[error("reading `{name}` failed after {frames} frames")]
    Read {
        /// Which.
        name: String,
        /// How many frames were read.
        frames: u64,
    },
}

impl fmt::Debug for File {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("File").field("name", &self.name).finish_non_exhaustive()
    }
}

impl File {
    /// Opens a capture; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        if path == Path::new("-") {
            return Self::read("standard input", io::stdin());
        }
        let cause = |cause| FileError::Open { path: path.to_owned(), cause };
        let file = Disk::open(path).map_err(cause)?;
        Self::read(&path.display().to_string(), file)
    }

    /// Opens a capture whose reading can be stopped: then it ends. Where it is to be followed, its end
    /// is not the end, and it waits for more.
    pub fn watch(
        path: &Path,
        follow: bool,
        is_stopped: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self, FileError> {
        let cause = |cause| FileError::Open { path: path.to_owned(), cause };
        let file = Disk::open(path).map_err(cause)?;
        Self::read(&path.display().to_string(), Watched { file, follow, is_stopped })
    }

    /// Reads a capture from anywhere.
    pub fn read(name: &str, source: impl Read + Send + 'static) -> Result<Self, FileError> {
        let mut source = BufReader::with_capacity(BUFFER, source);
        let start = io::BufRead::fill_buf(&mut source)
            .map_err(|_| FileError::Read { name: name.to_owned(), frames: 0 })?;
        if start.starts_with(&[0x1f, 0x8b]) {
            return Self::new(name, MultiGzDecoder::new(source));
        }
        Self::new(name, source)
    }

    fn new(name: &str, source: impl Read + Send + 'static) -> Result<Self, FileError> {
        let reader =
            create_reader(BUFFER, Patient { source, began: false }).map_err(
                |error| match error {
                    PcapError::ReadError => FileError::Read { name: name.to_owned(), frames: 0 },
                    _ => FileError::NotACapture { name: name.to_owned() },
                },
            )?;
        Ok(Self {
            name: name.to_owned(),
            reader,
            interfaces: Vec::new(),
            pending: 0,
            nanoseconds: false,
            frames: 0,
            cut_off: false,
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its last frame is not whole, as when who captured was stopped.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// Gives the next frame to `take`; `false` at the end.
    pub fn next(&mut self, take: &mut impl FnMut(Frame<'_>)) -> Result<bool, FileError> {
        loop {
            if self.pending > 0 {
                self.reader.consume(self.pending);
                self.pending = 0;
            }
            let wanted = match self.reader.next() {
                Ok((length, block)) => {
                    self.pending = length;
                    let told = tell(&mut self.interfaces, &mut self.nanoseconds, &block, take);
                    if told {
                        self.frames += 1;
                        return Ok(true);
                    }
                    continue;
                }
                Err(PcapError::Eof) => return Ok(false),
                Err(PcapError::UnexpectedEof) => {
                    self.cut_off = true;
                    return Ok(false);
                }
                Err(PcapError::Incomplete(_)) => 0,
                Err(PcapError::BufferTooSmall) => LARGEST,
                Err(PcapError::ReadError) => return Err(self.unreadable()),
                Err(_) => return Err(self.damaged()),
            };
            if wanted > 0 && !self.reader.grow(wanted) {
                return Err(self.damaged());
            }
            if self.reader.refill().is_err() {
                return Err(self.unreadable());
            }
        }
    }

    fn damaged(&self) -> FileError {
        let (name, frames) = (self.name.clone(), self.frames);
        FileError::Damaged { name, frames, at: self.reader.consumed() }
    }

    fn unreadable(&self) -> FileError {
        FileError::Read { name: self.name.clone(), frames: self.frames }
    }
}

/// Reads what a block says; whether it was a frame.
#[inline]
fn tell(
    interfaces: &mut Vec<Interface>,
    nanoseconds: &mut bool,
    block: &PcapBlockOwned<'_>,
    take: &mut impl FnMut(Frame<'_>),
) -> bool {
    use pcap_parser::Block;
    match block {
        PcapBlockOwned::Legacy(frame) => {
            let unit = if *nanoseconds { 1 } else { 1000 };
            let at = i64::from(frame.ts_sec) * 1_000_000_000 + i64::from(frame.ts_usec) * unit;
            let link = interfaces.first().map_or(1, |interface| interface.link);
            let frame = Frame { at: Moment(at), link, bytes: frame.data, length: frame.origlen };
            take(frame);
            true
        }
        PcapBlockOwned::LegacyHeader(header) => {
            *nanoseconds = header.is_nanosecond_precision();
            let link = header.network.0 & 0x0fff_ffff;
            *interfaces = vec![Interface { link, resolution: 1, offset: 0, snaplen: 0 }];
            false
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            interfaces.clear();
            false
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
            if interfaces.len() < INTERFACES {
                interfaces.push(Interface {
                    link: described.linktype.0,
                    resolution: described.ts_resolution().unwrap_or(1_000_000).max(1),
                    offset: described.ts_offset(),
                    snaplen: described.snaplen,
                });
            }
            false
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let place = usize::try_from(packet.if_id).unwrap_or(usize::MAX);
            let interface = interfaces.get(place).copied().unwrap_or(Interface::UNKNOWN);
            let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            let captured = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
            let bytes = packet.data.get(..captured).unwrap_or(packet.data);
            let at = interface.moment(units);
            take(Frame { at, link: interface.link, bytes, length: packet.origlen });
            true
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            let interface = interfaces.first().copied().unwrap_or(Interface::UNKNOWN);
            let captured = match interface.snaplen {
                0 => packet.origlen,
                snaplen => packet.origlen.min(snaplen),
            };
            let captured = usize::try_from(captured).unwrap_or(usize::MAX);
            let bytes = packet.data.get(..captured).unwrap_or(packet.data);
            take(Frame { at: Moment(0), link: interface.link, bytes, length: packet.origlen });
            true
        }
        PcapBlockOwned::NG(_) => false,
    }
}

impl Interface {
    /// What a frame is told to be of whose interface is not described: of no link type that there is,
    /// so that it is counted as unread.
    const UNKNOWN: Self = Self { link: -1, resolution: 1_000_000, offset: 0, snaplen: 0 };

    fn moment(&self, units: u64) -> Moment {
        let nanoseconds = u128::from(units) * 1_000_000_000 / u128::from(self.resolution);
        let nanoseconds = i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        Moment(nanoseconds.saturating_add(self.offset.saturating_mul(1_000_000_000)))
    }
}

/// How long to wait for a file to grow.
const GROWTH: std::time::Duration = std::time::Duration::from_millis(100);

/// A file that ends when that is said, and where it is followed only then.
struct Watched<S> {
    file: Disk,
    follow: bool,
    is_stopped: S,
}

impl<S: Fn() -> bool> Read for Watched<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if (self.is_stopped)() {
                return Ok(0);
            }
            let count = self.file.read(buffer)?;
            if count > 0 || buffer.is_empty() || !self.follow {
                return Ok(count);
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "whoever follows a file has a thread for it"
            )]
            std::thread::sleep(GROWTH);
        }
    }
}

/// A source that gives little at first is asked again, so that the first block is whole: it is what
/// a capture is recognised by.
struct Patient<R> {
    source: R,
    began: bool,
}

/// Of a first block no more is waited for.
const FIRST: usize = 65_536;

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        let most = if self.began { 1 } else { buffer.len() };
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What was read counts; the failure comes again.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
            if filled >= first_block(buffer.get(..filled).unwrap_or_default()).min(most) {
                break;
            }
        }
        self.began = true;
        Ok(filled)
    }
}

/// How many bytes the first block has, as far as that is known.
fn first_block(start: &[u8]) -> usize {
    let Some([0x0a, 0x0d, 0x0d, 0x0a, length @ ..]) = start.first_chunk::<12>() else { return 24 };
    let [a, b, c, d, order @ ..] = *length;
    let length = match order {
        [0x4d, 0x3c, 0x2b, 0x1a] => u32::from_le_bytes([a, b, c, d]),
        _ => u32::from_be_bytes([a, b, c, d]),
    };
    usize::try_from(length).unwrap_or(FIRST).clamp(28, FIRST)
}

/// Reads several captures as if they were one, the earliest frame of all first. A capture that cannot
/// be read on is told to `fail`, and left out from there.
pub fn merge(
    mut files: Vec<File>,
    take: &mut impl FnMut(Frame<'_>),
    fail: &mut impl FnMut(FileError),
) {
    if let [file] = files.as_mut_slice() {
        loop {
            match file.next(take) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return fail(error),
            }
        }
    }
    let mut heads: Vec<(File, Kept)> = Vec::new();
    for mut file in files {
        let mut kept = Kept::default();
        if kept.advance(&mut file, fail) {
            heads.push((file, kept));
        }
    }
    while let Some(place) = earliest(&heads) {
        let Some((file, kept)) = heads.get_mut(place) else { return };
        take(kept.frame());
        if !kept.advance(file, fail) {
            heads.remove(place);
        }
    }
}

fn earliest(heads: &[(File, Kept)]) -> Option<usize> {
    let times = heads.iter().enumerate();
    times.min_by_key(|(_, (_, kept))| kept.at).map(|(place, _)| place)
}

/// A frame that waits for its turn.
#[derive(Debug, Default)]
struct Kept {
    at: Moment,
    link: i32,
    bytes: Vec<u8>,
    length: u32,
}

impl Kept {
    fn frame(&self) -> Frame<'_> {
        Frame { at: self.at, link: self.link, bytes: &self.bytes, length: self.length }
    }

    fn advance(&mut self, file: &mut File, fail: &mut impl FnMut(FileError)) -> bool {
        let next = file.next(&mut |frame| {
            self.at = frame.at;
            self.link = frame.link;
            self.length = frame.length;
            self.bytes.clear();
            self.bytes.extend_from_slice(frame.bytes);
        });
        next.unwrap_or_else(|error| {
            fail(error);
            false
        })
    }
}
