use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use runtime::{
    Agent, AgentHandle, Behaviour, Clock, Context, Failure, Handle, Hub, MemoryStore, Spec, Task,
};
use types::Announcement;

/// Counts how often it ran, and ends after `until` runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count {
    pub(crate) runs: Arc<AtomicUsize>,
    pub(crate) until: Option<usize>,
}

impl Count {
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

impl Task for Count {
    const NAME: &'static str = "count";

    async fn run(&mut self, _: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let runs = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(if Some(runs) == self.until {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }
}

pub(crate) fn agent(jid: &str, duties: &[&str]) -> Agent {
    let duties = duties.iter().map(|it| (*it).to_owned()).collect();
    let announcement = Announcement { role: "probe".to_owned(), duties, ..Announcement::default() };
    Agent::new(jid.into(), announcement, Arc::new(MemoryStore::default()))
        .with_clock(Clock::starting(SystemTime::UNIX_EPOCH))
}

/// An agent with one behaviour, alone in the world.
pub(crate) fn start<B: Behaviour>(
    spec: Spec,
    factory: impl FnMut() -> B + Send + 'static,
) -> (AgentHandle, Handle) {
    let mut agent = agent("probe@test", &[]);
    let behaviour = agent.add(spec, factory);
    let road = Hub::default().join(agent.door());
    (agent.start(road), behaviour)
}
