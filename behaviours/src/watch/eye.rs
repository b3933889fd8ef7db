//! The thread that looks at packets.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use capture::{
    Engine, File, FileError, Kernel, Live, LiveError, LiveSettings, Moment, Seen, merge,
};
use model::{Analyzer, Memory, Told};
use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    batch::Batch,
    outlet::{Gone, News, Outlet, eye_error::Broken},
    pressure::Waiting,
    tally::{Period, Tally},
};
use crate::{
    finding::Finding,
    sight::{Sight, SightError, now},
};

/// News on their way to the behaviour.
const NEWS: usize = 64;
/// Packets that are looked at before anything else is.
const AT_ONCE: usize = 8192;
/// How long to wait for packets when there are none.
const QUIET: Duration = Duration::from_millis(5);
/// The longest that a thing waits for its batch to be full, in seconds.
const LONGEST: f64 = 1.0;
/// How large a memory may be that is written down.
const MEMORY: usize = 1 << 20;

/// Where packets come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Interface { interface: String, live: LiveSettings },
    Files { files: Vec<PathBuf>, follow: bool },
}

/// What becomes of what is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// It is analysed in this thread.
    Here,
    /// It is packed, to be sent.
    Send,
}

/// Why nothing can be watched.
#[derive(Debug, thiserror::Error)]
pub(super) enum EyeError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error(transparent)]
    Sight(#[from] SightError),
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
}

/// The thread, as the behaviour has it. When this is gone, the thread ends.
#[derive(Debug)]
pub(super) struct Eye {
    news: mpsc::Receiver<News>,
    stop: Arc<AtomicBool>,
    unsent: Arc<AtomicU64>,
}

impl Drop for Eye {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What is opened before the thread starts, so that what is wrong is told at once.
enum Opened {
    Live(Box<Live>),
    Files(Vec<File>),
}

impl Eye {
    pub(super) fn open(
        source: Source,
        target: Target,
        every: Duration,
        capture: capture::Settings,
        sight: &Sight,
        memory: Option<Value>,
    ) -> Result<Self, EyeError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (name, is_past, opened) = match source {
            Source::Interface { interface, live } => {
                let opened = Live::open(&interface, &live)?;
                (interface, false, Opened::Live(Box::new(opened)))
            }
            Source::Files { files, follow } => {
                let names: Vec<String> =
                    files.iter().map(|file| file.display().to_string()).collect();
                let open = |file: &PathBuf| {
                    let stop = Arc::clone(&stop);
                    File::watch(file, follow, move || stop.load(Ordering::Relaxed))
                };
                let files = files.iter().map(open).collect::<Result<_, _>>()?;
                (names.join(", "), true, Opened::Files(files))
            }
        };
        let mut analyzer = match target {
            Target::Here => Some(sight.analyzer(is_past)?),
            Target::Send => None,
        };
        // A capture of the past is read anew.
        if let (Some(analyzer), Some(memory)) = (&mut analyzer, memory.filter(|_| !is_past))
            && let Ok(memory) = serde_json::from_value::<Memory>(memory)
            && let Err(error) = analyzer.remember(sight.settings(), memory)
        {
            tracing::warn!(%error, "what was known before cannot be gone on with");
        }
        let mut capture = capture;
        if !is_past {
            // Nobody outside can know what the table is mixed with.
            let (high, low) = Uuid::new_v4().as_u64_pair();
            capture.seed = high ^ low;
        }
        let (sender, news) = mpsc::channel(NEWS);
        let unsent = Arc::new(AtomicU64::new(0));
        let mut look = Look {
            name,
            engine: Engine::new(capture),
            mind: Mind {
                analyzer,
                waiting: Waiting::default(),
                outlet: Outlet::new(sender, is_past),
                tally: Tally::default(),
                batch: Batch::default(),
                capture: Uuid::new_v4().to_string(),
                number: 0,
                told_unsent: 0,
                is_past,
                gone: false,
            },
            every,
            stop: Arc::clone(&stop),
            unsent: Arc::clone(&unsent),
            since: Moment::default(),
            until: Moment::default(),
        };
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || look.run(opened))
            .map_err(EyeError::Thread)?;
        Ok(Self { news, stop, unsent })
    }

    /// The next piece of news; `None` when the watch is over.
    pub(super) async fn news(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// Has the thread come to its end: what it still has comes as news.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// So many could not be sent.
    pub(super) fn unsent(&self, count: u32) {
        self.unsent.fetch_add(count.into(), Ordering::Relaxed);
    }
}

/// What the thread has.
struct Look {
    name: String,
    engine: Engine,
    mind: Mind,
    every: Duration,
    stop: Arc<AtomicBool>,
    unsent: Arc<AtomicU64>,
    since: Moment,
    until: Moment,
}

/// What is made of what is seen.
struct Mind {
    analyzer: Option<Analyzer>,
    waiting: Waiting,
    outlet: Outlet,
    tally: Tally,
    batch: Batch,
    capture: String,
    number: u64,
    told_unsent: u64,
    is_past: bool,
    /// Nobody listens any more.
    gone: bool,
}

impl Look {
    fn run(&mut self, opened: Opened) {
        let is_live = matches!(opened, Opened::Live(_));
        let is_cut = |look: &Self| !is_live && look.is_stopped();
        let ended = match opened {
            Opened::Live(live) => self.live(*live),
            Opened::Files(files) => self.files(files),
        };
        // What goes on when a live watch is stopped is told as it is.
        if !is_cut(self) {
            let mut tell = |seen: Seen| self.mind.see(seen);
            self.engine.finish(&mut tell);
            self.mind.pass(self.until);
            self.mind.send(0, true);
            self.report(None);
        }
        if let Some(error) = ended {
            self.mind.tell(News::Broken(Broken(error)));
        }
        // What still waits has to reach the behaviour before the way out closes.
        while !self.mind.gone && self.mind.outlet.flush().is_ok() && !self.mind.outlet.has_room() {
            rest();
        }
    }

    fn is_stopped(&self) -> bool {
        self.mind.gone || self.stop.load(Ordering::Relaxed)
    }

    /// Watches until it is stopped; says why it ended otherwise.
    fn live(&mut self, mut live: Live) -> Option<String> {
        self.since = now();
        let (mut told, mut swept) = (self.since, self.since);
        while !self.is_stopped() {
            let Self { engine, mind, .. } = self;
            let mut each =
                |frame: capture::Frame<'_>| engine.frame(frame, &mut |seen| mind.see(seen));
            let count = match live.poll(AT_ONCE, &mut each) {
                Ok(count) => count,
                Err(error) => return Some(chain(&error)),
            };
            self.until = now();
            if count == 0 {
                rest();
            }
            let is_time = self.until.since(swept) >= LONGEST;
            if is_time {
                swept = self.until;
                let Self { engine, mind, until, .. } = self;
                engine.clock(*until, &mut |seen| mind.see(seen));
                mind.pass(*until);
            }
            let unsent = self.unsent.load(Ordering::Relaxed);
            self.mind.send(unsent, is_time);
            if self.until.since(told) >= self.every.as_secs_f64() {
                told = self.until;
                let kernel = live.kernel();
                self.report(Some(kernel));
            }
        }
        None
    }

    /// Reads to the end; what cannot be read is told.
    fn files(&mut self, files: Vec<File>) -> Option<String> {
        let every = i64::try_from(self.every.as_nanos()).unwrap_or(i64::MAX);
        let mut troubles = Vec::new();
        let mut first = true;
        let mut take = |frame: capture::Frame<'_>| {
            if self.is_stopped() {
                return;
            }
            if first {
                (self.since, self.until, first) = (frame.at, frame.at, false);
            }
            self.until = self.until.max(frame.at);
            let Self { engine, mind, .. } = self;
            engine.frame(frame, &mut |seen| mind.see(seen));
            self.mind.send(0, false);
            // A period of the capture's own time is over.
            if self.until.0.saturating_sub(self.since.0) >= every {
                self.mind.pass(self.until);
                self.report(None);
            }
        };
        merge(files, &mut take, &mut |error| troubles.push(chain(&error)));
        for trouble in troubles {
            self.mind.tell(News::Trouble(trouble));
        }
        None
    }

    /// Tells what went by, and begins the next period.
    fn report(&mut self, kernel: Option<Kernel>) {
        let analysis = self.mind.analyzer.as_ref().map(Analyzer::shown).map(brief);
        let content = self.mind.tally.tell(&Period {
            name: &self.name,
            since: self.since,
            until: self.until,
            counters: self.engine.counters(),
            kernel,
            open_flows: self.engine.open_flows(),
            fate: self.mind.waiting.fate,
            lost: self.mind.outlet.lost,
            analysis,
        });
        self.since = self.until;
        self.mind.tell(News::Finding(Finding::traffic(content)));
        self.remember();
    }

    /// Keeps what goes on after a restart.
    fn remember(&mut self) {
        let Some(analyzer) = &self.mind.analyzer else { return };
        let Ok(memory) = serde_json::to_value(analyzer.memory()) else { return };
        if memory.to_string().len() > MEMORY {
            tracing::warn!(
                "what is known is more than is written down; it starts anew after a restart"
            );
            return;
        }
        self.mind.tell(News::Memory(memory));
    }
}

impl Mind {
    fn tell(&mut self, news: News) {
        self.gone |= matches!(self.outlet.tell(news), Err(Gone));
    }

    fn see(&mut self, seen: Seen) {
        self.tally.see(&seen);
        let Some(analyzer) = &mut self.analyzer else {
            self.waiting.push(seen);
            return;
        };
        let mut told = Vec::new();
        analyzer.see(&seen, &mut |it| told.push(it));
        self.found(told);
    }

    /// Lets time pass without anything seen.
    fn pass(&mut self, now: Moment) {
        let Some(analyzer) = &mut self.analyzer else { return };
        let mut told = Vec::new();
        analyzer.pass(now, &mut |it| told.push(it));
        self.found(told);
    }

    fn found(&mut self, told: Vec<Told>) {
        for it in told {
            if let Told::Alert(change) = it {
                self.tally.alert();
                self.tell(News::Finding(Finding::alert(&change)));
            }
        }
    }

    /// Packs what waits as far as there is room, and sends what is full; `all` sends the rest too.
    fn send(&mut self, unsent: u64, all: bool) {
        if self.analyzer.is_some() {
            return;
        }
        self.gone |= matches!(self.outlet.flush(), Err(Gone));
        while self.outlet.has_room()
            && let Some(seen) = self.waiting.pop()
        {
            match self.batch.add(&seen) {
                Ok(true) => self.close(unsent),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "something that was seen cannot be packed"),
            }
        }
        if all && self.waiting.is_empty() && !self.batch.is_empty() {
            self.close(unsent);
        }
    }

    fn close(&mut self, unsent: u64) {
        let batch = std::mem::take(&mut self.batch);
        let all = self.waiting.fate.unsent() + unsent;
        let since = all.saturating_sub(self.told_unsent);
        match batch.seal(&self.capture, self.number, since, self.is_past) {
            Ok(traffic) => {
                self.told_unsent = all;
                self.number += 1;
                self.tell(News::Batch(traffic));
            }
            Err(error) => tracing::warn!(%error, "a batch cannot be packed"),
        }
    }
}

/// Waits a little for packets, or for room.
fn rest() {
    #[expect(clippy::disallowed_methods, reason = "this thread is no task of the runtime")]
    thread::sleep(QUIET);
}

/// An error with all its causes.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    runtime::Chain(error).to_string()
}

/// Of each detector, the first few subjects.
fn brief(mut shown: Value) -> Value {
    for detector in shown.get_mut("detectors").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(subjects) = detector.get_mut("subjects").and_then(Value::as_array_mut) {
            subjects.truncate(3);
        }
        if let Some(detector) = detector.as_object_mut() {
            detector.remove("states");
            detector.remove("about");
        }
    }
    shown
}
