//! Packets of an interface, by libpcap.

use pcap::{Active, Capture, Device};
use serde::{Deserialize, Serialize};

use crate::{Frame, Moment};

/// How packets are taken from an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveSettings {
    /// What is captured, in libpcap's language; nothing for all.
    pub filter: Option<String>,
    /// How many bytes of each packet are captured.
    pub snaplen: i32,
    /// How many bytes of packets the kernel keeps until they are read.
    pub buffer: i32,
    /// Whether packets for others are captured too.
    pub promiscuous: bool,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self { filter: None, snaplen: 65_535, buffer: 64 << 20, promiscuous: true }
    }
}

/// What the kernel says of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// Packets that matched the filter.
    pub received: u64,
    /// Of them, those dropped because the buffer was full.
    pub dropped: u64,
    /// Packets dropped by the interface or its driver.
    pub interface_dropped: u64,
}

/// Why an interface cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// There is none of that name.
    #[error("no interface `{name}`; there are: {there}")]
    NoInterface {
        /// Which.
        name: String,
        /// Those that there are.
        there: String,
    },
    /// It cannot be opened.
    #[error(
        "cannot capture on `{name}`; it takes the right to (`CAP_NET_RAW`), and the interface up"
    )]
    Open {
        /// Which.
        name: String,
        /// Why.
        #[source]
        cause: pcap::Error,
    },
    /// The filter makes no sense to libpcap.
    #[error("`{filter}` is no filter; right would be, for example, `tcp and not port 22`")]
    Filter {
        /// Which.
        filter: String,
        /// Why.
        #[source]
        cause: pcap::Error,
    },
    /// The interface went away.
    #[error("capturing on `{name}` ended")]
    Ended {
        /// Which.
        name: String,
        /// Why.
        #[source]
        cause: pcap::Error,
    },
}

/// An interface that is watched.
pub struct Live {
    name: String,
    capture: Capture<Active>,
    link: i32,
    kernel: Kernel,
    last: [u32; 3],
}

impl std::fmt::Debug for Live {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Live").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Live {
    /// Starts to capture. The right to is needed only here.
    pub fn open(name: &str, settings: &LiveSettings) -> Result<Self, LiveError> {
        let devices = Device::list().unwrap_or_default();
        let is_there = name == "any" || devices.iter().any(|device| device.name == name);
        if !is_there {
            let names: Vec<&str> = devices.iter().map(|device| device.name.as_str()).collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(LiveError::NoInterface { name: name.to_owned(), there });
        }
        let cause = |cause| LiveError::Open { name: name.to_owned(), cause };
        let inactive = Capture::from_device(name).map_err(cause)?;
        let inactive = inactive
            .snaplen(settings.snaplen)
            .buffer_size(settings.buffer)
            .promisc(settings.promiscuous)
            .timeout(100);
        let capture = inactive.open().map_err(cause)?;
        let mut capture = capture.setnonblock().map_err(cause)?;
        if let Some(filter) = &settings.filter {
            let cause = |cause| LiveError::Filter { filter: filter.clone(), cause };
            capture.filter(filter, true).map_err(cause)?;
        }
        let link = capture.get_datalink().0;
        let kernel = Kernel::default();
        Ok(Self { name: name.to_owned(), capture, link, kernel, last: [0; 3] })
    }

    /// Gives what there is to `take`, up to `most` packets; says how many there were.
    pub fn poll(
        &mut self,
        most: usize,
        take: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, LiveError> {
        for count in 0..most {
            match self.capture.next_packet() {
                Ok(packet) => {
                    let head = packet.header;
                    let at = Moment(head.ts.tv_sec * 1_000_000_000 + head.ts.tv_usec * 1000);
                    take(Frame { at, link: self.link, bytes: packet.data, length: head.len });
                }
                Err(pcap::Error::TimeoutExpired) => return Ok(count),
                Err(cause) => return Err(LiveError::Ended { name: self.name.clone(), cause }),
            }
        }
        Ok(most)
    }

    /// What the kernel counted; its counters of 32 bits are carried on beyond their end.
    pub fn kernel(&mut self) -> Kernel {
        if let Ok(now) = self.capture.stats() {
            let now = [now.received, now.dropped, now.if_dropped];
            let [received, dropped, interface] = self.last;
            let [now_received, now_dropped, now_interface] = now;
            self.kernel.received += u64::from(now_received.wrapping_sub(received));
            self.kernel.dropped += u64::from(now_dropped.wrapping_sub(dropped));
            self.kernel.interface_dropped += u64::from(now_interface.wrapping_sub(interface));
            self.last = now;
        }
        self.kernel
    }
}
