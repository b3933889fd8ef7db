//! Messages a second from agent to agent within one process, and what a message costs in CPU.
//!
//! One agent sends, another receives; both are behaviours, each on a thread of its own.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints and may fail")]

use std::sync::Arc;

use runtime::{
    Agent, AgentId, Behaviour, Context, Failure, Hub, MemoryStore, Message, Performative, Spec,
    Template, states,
};
use tokio::time::Instant;
use types::Announcement;

const MESSAGES: usize = 5_000_000;

states! {
    enum Work {
        /// Sends or receives all messages.
        Working => [Done],
        /// Is done.
        Done => [],
    }
}

struct Sender(AgentId);

impl Behaviour for Sender {
    type State = Work;
    const NAME: &'static str = "sender";

    async fn step(&mut self, _: Work, ctx: &mut Context) -> Result<Work, Failure> {
        let body: Arc<str> = "x".repeat(1024).into();
        for _ in 0..MESSAGES {
            let message = Message::text(Performative::Inform, self.0.clone(), Arc::clone(&body));
            ctx.send(message).await?;
        }
        Ok(Work::Done)
    }
}

struct Receiver;

impl Behaviour for Receiver {
    type State = Work;
    const NAME: &'static str = "receiver";

    async fn step(&mut self, _: Work, ctx: &mut Context) -> Result<Work, Failure> {
        for _ in 0..MESSAGES {
            ctx.receive().await?;
        }
        Ok(Work::Done)
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let hub = Hub::default();
    let agent = |name: &str| {
        Agent::new(name.into(), Announcement::default(), Arc::new(MemoryStore::default()))
    };
    let mut receiving = agent("receiver@bench");
    let spec = Spec { template: Template::Any, mailbox: 65_536, ..Spec::default() };
    let received = receiving.add(spec, || Receiver);
    let road = hub.join(receiving.door());
    let receiving = receiving.start(road);

    let mut sending = agent("sender@bench");
    sending.add(Spec::default(), || Sender("receiver@bench".into()));
    let started = Instant::now();
    let road = hub.join(sending.door());
    let sending = sending.start(road);
    received.join().await;
    let took = started.elapsed();
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure to read")]
    let rate = MESSAGES as f64 / took.as_secs_f64();
    println!("memory road: {MESSAGES} messages of 1 KB in {took:.2?}: {rate:.0} messages/s");
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("memory road: {peak}");
    sending.shutdown().await;
    receiving.shutdown().await;
}
