//! `/api/v1/events`: what happens, as server-sent events; who was away is told what was missed.

use std::{fmt::Write, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{Bytes, Data},
};
use async_stream::stream;
use futures_util::Stream;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, interval_at},
};
use tracing::debug;

use crate::{
    events::{Bulletin, Event, Topic},
    problem::Problem,
    query::Params,
    state::State,
    store::StoreError,
};

/// How often a quiet stream says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that are read from the database together.
const PAGE: u64 = 500;

/// `GET /api/v1/events`.
pub(crate) async fn stream(
    state: Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request);
    let topics = topics(&mut params);
    let since = since(&request, &mut params);
    params.finish()?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    // Listening begins before the database is read, so that nothing falls in between.
    let listener = state.hub.listen();
    let last = state.hub.newest();
    let reading = Reading { state, topics, last, listener };
    Ok(response.streaming(reading.run(since)))
}

fn topics(params: &mut Params) -> Vec<Topic> {
    let Some(text) = params.text("topics") else { return Topic::ALL.to_vec() };
    let named: Option<Vec<_>> = text.split(',').map(|name| Topic::named(name.trim())).collect();
    named
        .or_else(|| {
            let known = Topic::ALL.map(Topic::name).join(", ");
            params.refuse("topics", format!("must be some of {known}, with commas between"))
        })
        .unwrap_or_default()
}

/// The number after which to go on. A browser that comes back says it in a header.
fn since(request: &HttpRequest, params: &mut Params) -> Option<i64> {
    let header = request.headers().get("Last-Event-ID");
    let text = match header.and_then(|value| value.to_str().ok()) {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => params.text("since")?,
    };
    text.parse()
        .ok()
        .filter(|since| *since >= 0)
        .or_else(|| params.refuse("since", "must be the number of an event"))
}

/// One reader: what it wants, and how far it is.
struct Reading {
    state: Data<State>,
    topics: Vec<Topic>,
    last: i64,
    listener: Receiver<Bulletin>,
}

impl Reading {
    fn run(mut self, since: Option<i64>) -> impl Stream<Item = Result<Bytes, StoreError>> {
        stream! {
            yield Ok(Bytes::from_static(b": welcome\n\n"));
            if let Some(since) = since {
                let oldest = self.state.store.oldest_event().await?;
                self.last = since.min(self.last);
                if let Some(lost) = oldest.map(|oldest| oldest - self.last - 1).filter(|n| *n > 0) {
                    yield Ok(lagged(lost));
                }
                loop {
                    let page =
                        self.state.store.events_after(self.last, &self.topics, PAGE).await?;
                    if page.is_empty() {
                        break;
                    }
                    yield Ok(self.frames(&page));
                }
            }
            let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
            loop {
                let bulletin = tokio::select! {
                    () = self.state.closing.cancelled() => break,
                    bulletin = self.listener.recv() => bulletin,
                    _ = heartbeat.tick() => {
                        yield Ok(Bytes::from_static(b": ping\n\n"));
                        continue;
                    }
                };
                match bulletin {
                    Ok(Bulletin::Events(events)) => {
                        let frames = self.frames(&events);
                        if !frames.is_empty() {
                            yield Ok(frames);
                        }
                    }
                    Ok(Bulletin::Published { .. }) => {}
                    Err(RecvError::Lagged(_)) => {
                        debug!("a reader of events fell behind");
                        yield Ok(lagged(self.state.hub.newest() - self.last));
                        break;
                    }
                    Err(RecvError::Closed) => break,
                }
            }
        }
    }

    /// Those events that are wanted and new, as they are sent.
    fn frames(&mut self, events: &[Event]) -> Bytes {
        let mut text = String::new();
        for event in events.iter().filter(|event| self.topics.contains(&event.topic)) {
            if event.id.is_some_and(|id| id <= self.last) {
                continue;
            }
            // Writing to a string can not fail.
            if let Some(id) = event.id {
                self.last = id;
                _ = writeln!(text, "id: {id}");
            }
            _ = write!(text, "event: {}\ndata: {}\n\n", event.topic, event.data);
        }
        text.into()
    }
}

fn lagged(missed: i64) -> Bytes {
    format!("event: lagged\ndata: {{\"missed\":{missed}}}\n\n").into()
}
