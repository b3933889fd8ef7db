//! Conversations by protocol, both sides, over a hub.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::Duration,
};

use runtime::{
    Address, Agent, AgentHandle, Answer, Bid, CallForProposals, Context, Failure, Handle, Hub,
    Message, News, OneShot, Outcome, Participant, Performative, Proposal, Protocol, Serve, Spec,
    Task, Template, Word,
};
use tokio::sync::{mpsc, oneshot};

use crate::support::agent;

const SOON: Duration = Duration::from_secs(10);

/// A door that opens, tells how it is, and is in no hurry.
#[derive(Clone, Default)]
struct Door {
    /// What it was doing when it was dropped or done.
    work: Arc<Mutex<Vec<&'static str>>>,
}

struct Working(Arc<Mutex<Vec<&'static str>>>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("let go");
    }
}

impl Participant for Door {
    const NAME: &'static str = "door";
    const PROTOCOLS: &'static [Protocol] = &Protocol::ALL;

    async fn requested(&mut self, ctx: &mut Context, message: &Message) -> Answer {
        match &*message.body {
            "open" => Answer::Done("opened".into()),
            "open slowly" => {
                let _working = Working(Arc::clone(&self.work));
                ctx.sleep(Duration::from_secs(5)).await.unwrap_or_default();
                Answer::Done("opened".into())
            }
            "refuse late" => {
                ctx.sleep(Duration::from_secs(5)).await.unwrap_or_default();
                Answer::Refuse("no".into())
            }
            "wait for ever" => std::future::pending().await,
            "break" => panic!("it broke"),
            "dance" => Answer::NotUnderstood("a door does not dance".into()),
            _ => Answer::Refuse("it stays shut".into()),
        }
    }

    async fn queried(&mut self, _: &mut Context, _: &Message) -> Answer {
        Answer::Done("shut".into())
    }

    async fn subscribed(&mut self, ctx: &mut Context, message: &Message, news: &News) -> Answer {
        let _working = Working(Arc::clone(&self.work));
        for number in 1.. {
            news.tell(number.to_string()).await;
            if message.body.parse() == Ok(number) {
                return Answer::Done("last".into());
            }
            if ctx.sleep(Duration::from_mins(1)).await.is_err() {
                break;
            }
        }
        Answer::Failure("gone".into())
    }

    async fn called(&mut self, ctx: &mut Context, _: &Message) -> Bid {
        match ctx.me().as_str() {
            "silent@test" => {
                ctx.sleep(Duration::from_hours(1)).await.unwrap_or_default();
                Bid::Refuse("too late".into())
            }
            "unwilling@test" => Bid::Refuse("no".into()),
            me => Bid::Propose(me.len().to_string().into()),
        }
    }

    async fn accepted(&mut self, ctx: &mut Context, _: &Message, _: &Message) -> Answer {
        Answer::Done(format!("done by {}", ctx.me()).into())
    }

    async fn offered(&mut self, _: &mut Context, message: &Message) -> Word {
        if &*message.body == "oil" { Word::Accept("yes".into()) } else { Word::Reject("no".into()) }
    }
}

fn join(hub: &Hub, agent: Agent) -> AgentHandle {
    let road = hub.join(agent.door());
    agent.start(road)
}

fn door(hub: &Hub, jid: &str) -> (AgentHandle, Door) {
    let door = Door::default();
    let (mut agent, made) = (agent(jid, &["open"]), door.clone());
    agent.add(Serve::<Door>::spec(), move || Serve::new(made.clone()));
    (join(hub, agent), door)
}

type Ask<T> =
    Box<dyn FnOnce(&mut Context) -> std::pin::Pin<Box<dyn Future<Output = T> + Send + '_>> + Send>;

/// Does what a test wants done in an agent.
struct Asks<T>(Option<Ask<T>>, Option<oneshot::Sender<T>>);

impl<T: Send + 'static> Task for Asks<T> {
    const NAME: &'static str = "asks";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let answer = self.0.take().unwrap()(ctx).await;
        drop(self.1.take().unwrap().send(answer));
        Ok(ControlFlow::Break(()))
    }
}

fn begin<T: Send + 'static>(agent: &AgentHandle, ask: Ask<T>) -> (Handle, oneshot::Receiver<T>) {
    let (sender, answer) = oneshot::channel();
    let asks = Mutex::new(Some(Asks(Some(ask), Some(sender))));
    let made = move || OneShot(asks.lock().unwrap().take().unwrap());
    (agent.add(Spec::default(), made).unwrap(), answer)
}

async fn ask<T: Send + 'static>(agent: &AgentHandle, ask: Ask<T>) -> T {
    begin(agent, ask).1.await.unwrap()
}

fn request(body: &str) -> Message {
    Message::text(Performative::Request, "door@test", body)
}

async fn requested(agent: &AgentHandle, body: &'static str) -> Outcome {
    ask(
        agent,
        Box::new(move |ctx| {
            Box::pin(async move { ctx.request(request(body), SOON).await.unwrap() })
        }),
    )
    .await
}

fn said(outcome: &Outcome) -> &str {
    outcome.answer().map_or("", |it| &it.body)
}

fn assert_in_order(agents: &[&AgentHandle]) {
    for agent in agents {
        assert_eq!(agent.door().violations(), (0, Vec::new()), "{}", agent.me());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_done_refused_or_not_understood() {
    let hub = Hub::default();
    let (door, _) = door(&hub, "door@test");
    let asker = join(&hub, agent("asker@test", &[]));
    let done = requested(&asker, "open").await;
    assert!(done.is_done(), "{done:?}");
    assert_eq!(said(&done), "opened");
    assert!(matches!(requested(&asker, "close").await, Outcome::Refused(_)));
    let puzzled = requested(&asker, "dance").await;
    assert!(matches!(puzzled, Outcome::NotUnderstood(_)));
    assert_eq!(said(&puzzled), "a door does not dance");
    assert!(requested(&asker, "open slowly").await.is_done());
    let late = requested(&asker, "refuse late").await;
    assert!(matches!(late, Outcome::Failed(_)), "who agreed cannot refuse: {late:?}");
    assert!(matches!(requested(&asker, "break").await, Outcome::Failed(_)));
    assert_in_order(&[&door, &asker]);
    assert!(asker.reports().iter().all(|it| it.state == "Done" || it.run == "fipa-request"));
}

#[tokio::test(start_paused = true)]
async fn a_query_is_answered_and_an_offer_accepted_or_not() {
    let hub = Hub::default();
    let (door, _) = door(&hub, "door@test");
    let asker = join(&hub, agent("asker@test", &[]));
    let (how, oil, paint, wrong) = ask(
        &asker,
        Box::new(|ctx| {
            Box::pin(async move {
                let query = Message::text(Performative::QueryRef, "duty:open", "how is it?");
                let offer = |body| Message::text(Performative::Propose, "door@test", body);
                (
                    ctx.query(query, SOON).await.unwrap(),
                    ctx.offer(offer("oil"), SOON).await.unwrap(),
                    ctx.offer(offer("paint"), SOON).await.unwrap(),
                    format!("{:?}", ctx.query(request("open"), SOON).await.unwrap_err()),
                )
            })
        }),
    )
    .await;
    assert_eq!((said(&how), said(&oil)), ("shut", "yes"));
    assert!(oil.is_done());
    assert!(matches!(paint, Outcome::Rejected(_)));
    insta::assert_snapshot!(wrong, @"Error(`request` does not open a conversation by `fipa-query`; `query-if` or `query-ref` does)");
    assert_in_order(&[&door, &asker]);
}

#[tokio::test(start_paused = true)]
async fn whom_nobody_knows_and_who_says_nothing_is_told() {
    let hub = Hub::default();
    let asker = join(&hub, agent("asker@test", &[]));
    assert!(matches!(requested(&asker, "open").await, Outcome::Unsent(_)));
    let mut silent = agent("door@test", &[]);
    let spec = Spec { template: Template::Any, ..Spec::default() };
    let (sender, mut heard) = mpsc::channel(16);
    silent.add(spec, move || runtime::Cyclic(Ear(sender.clone())));
    let _silent = join(&hub, silent);
    let begun = tokio::time::Instant::now();
    assert_eq!(requested(&asker, "open").await, Outcome::Overdue);
    assert_eq!(begun.elapsed(), SOON);
    assert_eq!(heard.recv().await.unwrap().performative, Some(Performative::Request));
}

struct Ear(mpsc::Sender<Arc<Message>>);

impl Task for Ear {
    const NAME: &'static str = "ear";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        let message = ctx.receive().await?;
        if &*message.body == "contradict" {
            let answer = message.reply(Performative::AcceptProposal, "yes").unwrap();
            ctx.send(answer).await?;
        }
        self.0.send(message).await?;
        Ok(ControlFlow::Continue(()))
    }
}

#[tokio::test(start_paused = true)]
async fn who_goes_against_the_protocol_ends_the_conversation() {
    let hub = Hub::default();
    let mut wrong = agent("door@test", &[]);
    let spec = Spec { template: Template::Any, ..Spec::default() };
    let (sender, _heard) = mpsc::channel(16);
    wrong.add(spec, move || runtime::Cyclic(Ear(sender.clone())));
    let _wrong = join(&hub, wrong);
    let asker = join(&hub, agent("asker@test", &[]));
    let outcome = requested(&asker, "contradict").await;
    let Outcome::Broken(breach, _) = outcome else { panic!("{outcome:?}") };
    assert!(breach.to_string().starts_with("`accept-proposal` by the participant"), "{breach}");
}

#[tokio::test(start_paused = true)]
async fn news_come_until_they_are_cancelled() {
    let hub = Hub::default();
    let (door, work) = door(&hub, "door@test");
    let asker = join(&hub, agent("asker@test", &[]));
    let (news, end) = ask(
        &asker,
        Box::new(|ctx| {
            Box::pin(async move {
                let message = Message::text(Performative::Subscribe, "door@test", "");
                let mut subscription = ctx.subscribe(message, SOON).unwrap().unwrap();
                let mut news = Vec::new();
                for _ in 0..3 {
                    news.push(subscription.next().await.unwrap().body.to_string());
                }
                (news, subscription.cancel().await.unwrap())
            })
        }),
    )
    .await;
    assert_eq!((news, end), (["1", "2", "3"].map(str::to_owned).into(), Outcome::Cancelled));
    tokio::time::sleep(SOON).await;
    assert_eq!(*work.work.lock().unwrap(), ["let go"]);
    assert_in_order(&[&door, &asker]);
}

#[tokio::test(start_paused = true)]
async fn news_end_when_whoever_tells_them_has_no_more() {
    let hub = Hub::default();
    let (door, _) = door(&hub, "door@test");
    let asker = join(&hub, agent("asker@test", &[]));
    let (news, end) = ask(
        &asker,
        Box::new(|ctx| {
            Box::pin(async move {
                let message = Message::text(Performative::Subscribe, "door@test", "2");
                let mut subscription = ctx.subscribe(message, SOON).unwrap().unwrap();
                let mut news = Vec::new();
                while let Some(it) = subscription.next().await {
                    news.push(it.body.to_string());
                    if &*it.body == "last" {
                        break;
                    }
                }
                (news, subscription.outcome().await.unwrap())
            })
        }),
    )
    .await;
    assert_eq!(news, ["1", "2", "last"]);
    assert!(matches!(end, Outcome::Failed(_)), "{end:?}");
    assert_in_order(&[&door, &asker]);
}

fn call() -> CallForProposals {
    CallForProposals { proposals: SOON, results: SOON }
}

/// The shortest name wins.
fn choose(proposals: &[Proposal]) -> Vec<runtime::AgentId> {
    let cost = |it: &&Proposal| it.message.body.parse::<u32>().unwrap();
    proposals.iter().min_by_key(cost).map(|it| it.from.clone()).into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn a_contract_goes_to_whom_is_chosen_and_the_silent_is_not_waited_for() {
    let hub = Hub::default();
    let names = ["a@test", "dear@test", "silent@test", "unwilling@test"];
    let doors = names.map(|it| door(&hub, it).0);
    let asker = join(&hub, agent("asker@test", &["open"]));
    let begun = tokio::time::Instant::now();
    let outcomes = ask(
        &asker,
        Box::new(|ctx| {
            Box::pin(async move {
                let cfp = Message::text(Performative::Cfp, "duty:open", "open");
                let to: [Address; 2] = ["duty:open".into(), "nobody@test".into()];
                ctx.call(cfp, &to, call(), choose).await.unwrap()
            })
        }),
    )
    .await;
    assert_eq!(begun.elapsed(), SOON);
    let told: Vec<String> = outcomes
        .iter()
        .map(|(who, it)| {
            let kind = format!("{it:?}");
            let kind = kind.split(['(', ' ']).next().unwrap_or_default().to_owned();
            format!("{who}: {kind} {}", said(it))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    a@test: Done done by a@test
    dear@test: Rejected 9
    nobody@test: Unsent 
    silent@test: Overdue 
    unwilling@test: Refused no
    ");
    assert_in_order(&[&doors[0], &doors[1], &doors[3]]);
    // It did say nothing.
    assert_eq!(doors[2].door().violations().0, 1);
}

#[tokio::test(start_paused = true)]
async fn an_initiator_that_is_killed_leaves_nothing_behind() {
    let hub = Hub::default();
    let (door, work) = door(&hub, "door@test");
    let asker = join(&hub, agent("asker@test", &[]));
    let (asking, _answer) = begin::<()>(
        &asker,
        Box::new(|ctx| {
            Box::pin(async move {
                drop(ctx.request(request("open slowly"), SOON).await);
            })
        }),
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(asker.reports().iter().filter(|it| it.state == "Agreed").count(), 1);
    asking.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(asker.behaviours().iter().all(Handle::is_over));
    assert_eq!(*work.work.lock().unwrap(), ["let go"], "who is asked hears of it");
    assert_eq!(door.behaviours().iter().filter(|it| !it.is_over()).count(), 1);
    assert_in_order(&[&door, &asker]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_over_time_is_taken_back() {
    let hub = Hub::default();
    let (door, work) = door(&hub, "door@test");
    let asker = join(&hub, agent("asker@test", &[]));
    let outcome = ask(
        &asker,
        Box::new(|ctx| {
            Box::pin(async move {
                ctx.request(request("open slowly"), Duration::from_secs(3)).await.unwrap()
            })
        }),
    )
    .await;
    assert_eq!(outcome, Outcome::Overdue);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(*work.work.lock().unwrap(), ["let go"]);
    assert_in_order(&[&door, &asker]);
}

#[tokio::test(start_paused = true)]
async fn a_participant_takes_on_no_more_than_it_can_and_names_what_is_missing() {
    let hub = Hub::default();
    let (_door, _) = door(&hub, "door@test");
    let asker = join(&hub, agent("asker@test", &[]));
    let mut pending = Vec::new();
    for _ in 0..257 {
        pending.push(
            begin(
                &asker,
                Box::new(|ctx: &mut Context| {
                    Box::pin(
                        async move { ctx.request(request("open slowly"), SOON).await.unwrap() },
                    )
                }),
            )
            .1,
        );
    }
    let mut refused = 0;
    for answer in pending {
        refused += usize::from(matches!(answer.await.unwrap(), Outcome::Refused(_)));
    }
    assert_eq!(refused, 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_stopped_tells_everybody_who_waits() {
    let hub = Hub::default();
    let (mut served, made) = (agent("door@test", &["open"]), Door::default());
    let handle = served.add(Serve::<Door>::spec(), move || Serve::new(made.clone()));
    let _door = join(&hub, served);
    let asker = join(&hub, agent("asker@test", &[]));
    let begin_request = |body: &'static str| {
        begin(&asker, Box::new(move |ctx| Box::pin(ctx.request(request(body), SOON)))).1
    };
    let open = begin_request("wait for ever");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let late = begin_request("wait for ever");
    tokio::time::sleep(Duration::from_millis(100)).await;
    // It is stopped where it is not asked for its next step any more.
    handle.pause();
    handle.stop();
    for outcome in [open, late] {
        let outcome = outcome.await.unwrap().unwrap();
        assert!(
            matches!(&outcome, Outcome::Failed(why) if why.body.contains("stopped")),
            "{outcome:?}"
        );
    }
    assert_eq!(asker.door().violations().0, 0);
}
