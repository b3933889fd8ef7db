//! A road within one process.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use types::{Presence, Show};

use crate::{
    Address, AgentId, Clock, Door, Errand, Message, Road, SendError, Sending, mailbox::Slit,
};

/// How long a sender waits for room in a full mailbox before it is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects agents of one process with each other.
#[derive(Clone, Debug, Default)]
pub struct Hub {
    doors: Arc<RwLock<HashMap<AgentId, Door>>>,
    clock: Clock,
}

/// One agent's connection to a [`Hub`].
#[derive(Debug)]
struct Lane {
    hub: Hub,
    me: AgentId,
    /// The way to everybody else.
    far: Option<Arc<dyn Road>>,
}

impl Hub {
    /// Connects an agent with neighbours that also have a road to the world: what they say to
    /// each other takes no such road and needs no server. Who is there is told by the far road.
    pub fn join_beside(&self, door: &Door, far: Arc<dyn Road>) -> Arc<dyn Road> {
        let me = door.me().to_bare();
        let mut doors = self.doors.write().unwrap_or_else(PoisonError::into_inner);
        doors.insert(me.clone(), door.clone());
        Arc::new(Lane { hub: self.clone(), me, far: Some(far) })
    }

    /// Connects an agent that has no other road: each sees the presence of all.
    pub fn join(&self, door: &Door) -> Arc<dyn Road> {
        let me = door.me().to_bare();
        let hello = self.presence(door, Show::Available);
        {
            let mut doors = self.doors.write().unwrap_or_else(PoisonError::into_inner);
            for other in doors.values() {
                door.presence(self.presence(other, Show::Available));
            }
            doors.insert(me.clone(), door.clone());
            doors.values().for_each(|other| other.presence(hello.clone()));
        }
        door.set_online(true);
        Arc::new(Lane { hub: self.clone(), me, far: None })
    }

    fn find(&self, who: &AgentId) -> Option<Door> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        let found = match doors.get(who) {
            None if !who.is_bare() => doors.get(&who.to_bare()),
            found => found,
        };
        found.cloned()
    }

    fn forget(&self, me: &AgentId) {
        self.doors.write().unwrap_or_else(PoisonError::into_inner).remove(me);
    }

    fn leave(&self, me: &AgentId) {
        let mut doors = self.doors.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = doors.remove(me) {
            door.set_online(false);
            let goodbye = self.presence(&door, Show::Unavailable);
            doors.values().for_each(|other| other.presence(goodbye.clone()));
        }
    }

    fn presence(&self, door: &Door, show: Show) -> Presence {
        Presence {
            jid: door.me().bare().to_owned(),
            show,
            priority: 1,
            since_ms: self.clock.now_ms(),
            announcement: door.announcement().clone(),
            ..Presence::default()
        }
    }
}

impl Road for Lane {
    /// A full mailbox makes the sender wait, 5 seconds at most.
    fn send(&self, message: Message) -> Sending {
        let Address::Agent(to) = &message.to else { return Sending::Done(Err(SendError::Closed)) };
        // The door itself may send something back while it takes this in.
        let Some(door) = self.hub.find(to) else {
            return match &self.far {
                Some(far) => far.send(message),
                None => Sending::Done(Err(SendError::Unknown(to.clone()))),
            };
        };
        door.heard(&message);
        if door.is_roll(&message) {
            return Sending::Done(Ok(()));
        }
        let message = Arc::new(message);
        let (_taken, full) = door.offer(&message, Slit::put);
        if full.is_empty() {
            return Sending::Done(Ok(()));
        }
        Sending::Later(Box::pin(wait_for_room(message, full)))
    }

    fn run(&self, errand: Errand) -> Sending {
        match &self.far {
            Some(far) => far.run(errand),
            None => Sending::Done(Err(SendError::Unable(errand.name()))),
        }
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            match &self.far {
                Some(far) => {
                    self.hub.forget(&self.me);
                    far.close().await;
                }
                None => self.hub.leave(&self.me),
            }
        })
    }
}

async fn wait_for_room(message: Arc<Message>, full: Vec<Slit>) -> Result<(), SendError> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for slit in full {
        while slit.put(Arc::clone(&message)).is_err() {
            if tokio::time::timeout_at(deadline, slit.room()).await.is_err() {
                slit.count_dropped();
                let Address::Agent(to) = &message.to else { return Err(SendError::Closed) };
                return Err(SendError::Full(to.clone()));
            }
        }
    }
    Ok(())
}
