//! `/pubsub`: what happens, as `fastapi_websocket_pubsub` 1.0.1 says it over a WebSocket.

mod session;
mod wire;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Payload},
};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use self::session::Subscriber;
use crate::{
    auth::{Caller, Need},
    events::Bulletin,
    problem::Problem,
    state::State,
};

/// The longest message of a client, in bytes.
const MESSAGE: usize = 1 << 20;
/// How long a client may take to take a message before it is left.
const PATIENCE: Duration = Duration::from_secs(10);

/// `GET /pubsub`.
pub(crate) async fn connect(
    state: Data<State>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, Problem> {
    if !request.headers().contains_key(header::UPGRADE) {
        return Err(Problem::not_found("this is a WebSocket"));
    }
    if !from_here(&request) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "pages of other sites may not listen"));
    }
    let (response, session, messages) = actix_ws::handle(&request, body)
        .map_err(|cause| Problem::unprocessable(format!("not a WebSocket: {cause}")))?;
    let messages =
        messages.max_frame_size(MESSAGE).aggregate_continuations().max_continuation_size(MESSAGE);
    let may_publish = Caller::of(&request).may(Need::Act);
    let socket = Socket {
        subscriber: Subscriber::new(may_publish, state.hub.clone()),
        bulletins: state.hub.listen(),
        state,
        session,
    };
    actix_web::rt::spawn(socket.run(messages));
    Ok(response)
}

/// Whether no page asks, or one of the API's own: a browser sends a user's credentials along whoever
/// asks for it.
fn from_here(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    match header(header::ORIGIN) {
        Some(origin) => origin.split_once("://").map(|(_, host)| host) == header(header::HOST),
        None => true,
    }
}

/// One client. What waits for it is bounded by the hub; who falls behind is told and left.
struct Socket {
    subscriber: Subscriber,
    bulletins: Receiver<Bulletin>,
    state: Data<State>,
    session: Session,
}

/// The client is gone, or too slow.
struct Gone;

impl Socket {
    async fn run(mut self, mut messages: AggregatedMessageStream) {
        let code = loop {
            let outcome = tokio::select! {
                () = self.state.closing.cancelled() => break CloseCode::Away,
                message = messages.next() => match message {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(_)) => break CloseCode::Protocol,
                    None => break CloseCode::Normal,
                },
                bulletin = self.bulletins.recv() => match bulletin {
                    Ok(bulletin) => self.tell(&bulletin).await,
                    Err(RecvError::Lagged(_)) => break CloseCode::Again,
                    Err(RecvError::Closed) => break CloseCode::Away,
                },
            };
            if outcome.is_err() {
                break CloseCode::Normal;
            }
        };
        let reason = CloseReason { code, description: None };
        // Who is gone already need not be told.
        drop(timeout(PATIENCE, self.session.close(Some(reason))).await);
    }

    async fn hear(&mut self, message: AggregatedMessage) -> Result<(), Gone> {
        match message {
            AggregatedMessage::Text(text) => match self.subscriber.answer(text.as_bytes()) {
                Some(answer) => self.say(answer).await,
                None => Ok(()),
            },
            AggregatedMessage::Binary(bytes) => match self.subscriber.answer(&bytes) {
                Some(answer) => self.say(answer).await,
                None => Ok(()),
            },
            AggregatedMessage::Ping(bytes) => {
                let pong = timeout(PATIENCE, self.session.pong(&bytes));
                pong.await.map_err(|_| Gone)?.map_err(|_| Gone)
            }
            AggregatedMessage::Pong(_) => Ok(()),
            AggregatedMessage::Close(_) => Err(Gone),
        }
    }

    async fn tell(&mut self, bulletin: &Bulletin) -> Result<(), Gone> {
        for notice in self.subscriber.notices(bulletin) {
            self.say(notice).await?;
        }
        Ok(())
    }

    async fn say(&mut self, text: String) -> Result<(), Gone> {
        timeout(PATIENCE, self.session.text(text)).await.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}
