//! Detectors: state machines with stated thresholds, each of which finds one kind of behaviour.
//!
//! Time comes from what is seen. What is followed is bounded: of each table the one that was quiet
//! for longest leaves when it is full, and is counted.

mod all;
mod evidence;
mod home;
mod kind;
mod settings;
mod shown;
mod stage;

mod amplification;
mod arp_scan;
mod arp_spoof;
mod beacon;
mod blacklist;
mod brute_force;
mod cleartext;
mod dga;
mod dns_tunnel;
mod exfiltration;
mod horizontal_scan;
mod icmp_sweep;
mod knock;
mod long_connection;
mod new_device;
mod new_service;
mod reconnection;
mod syn_flood;
mod vertical_scan;

mod case;
mod figures;
mod names;
mod outcome;
#[cfg(test)]
pub(crate) mod proving;
mod recent;
mod rhythm;
pub(crate) mod setting;
mod table;

pub use all::{Coverage, Detectors};
pub use amplification::Amplification;
pub use arp_scan::ArpScan;
pub use arp_spoof::ArpSpoof;
pub use beacon::Beacon;
pub use blacklist::Blacklist;
pub use brute_force::BruteForce;
pub use cleartext::Cleartext;
pub use dga::Dga;
pub use dns_tunnel::DnsTunnel;
pub use evidence::{Bound, Evidence, Example, Reason, Severity};
pub use exfiltration::Exfiltration;
pub use home::Home;
pub use horizontal_scan::HorizontalScan;
pub use icmp_sweep::IcmpSweep;
pub use kind::{Family, Kind};
pub use knock::Knock;
pub use long_connection::LongConnection;
pub use new_device::NewDevice;
pub use new_service::NewService;
pub use reconnection::Reconnection;
pub use settings::Settings;
pub use shown::{Shown, ShownSubject};
pub use stage::ShownState;
pub use syn_flood::SynFlood;
pub use vertical_scan::VerticalScan;

pub(crate) use all::{Around, Detector};

/// A card's address as it is written.
pub(crate) fn card(card: [u8; 6]) -> String {
    card.map(|byte| format!("{byte:02x}")).join(":")
}
