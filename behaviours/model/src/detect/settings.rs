//! The thresholds of all detectors, as they stand in a configuration.

use super::{
    Amplification, ArpScan, ArpSpoof, Beacon, Blacklist, BruteForce, Cleartext, Dga, DnsTunnel,
    Exfiltration, Home, HorizontalScan, IcmpSweep, Kind, Knock, LongConnection, NewDevice,
    NewService, Reconnection, SynFlood, VerticalScan, setting::settings,
};

settings! {
    /// What detectors hold to be too much. All of it may be left out.
    pub struct Settings {
        /// The networks that are watched over; by itself the private ones.
        home: Home = Home::default(),
        /// Detectors that are not to run.
        off: Vec<Kind> = Vec::new(),
        /// How many subjects each detector follows; then the one quiet for longest leaves.
        subjects: usize = 16_384,
        /// Many ports of one host.
        vertical_scan: VerticalScan = VerticalScan::default(),
        /// One port of many hosts.
        horizontal_scan: HorizontalScan = HorizontalScan::default(),
        /// Doors of ours that are tried from outside.
        knock: Knock = Knock::default(),
        /// Many hosts pinged.
        icmp_sweep: IcmpSweep = IcmpSweep::default(),
        /// Many addresses of the link asked for.
        arp_scan: ArpScan = ArpScan::default(),
        /// An address claimed by two cards.
        arp_spoof: ArpSpoof = ArpSpoof::default(),
        /// More started than can be answered.
        syn_flood: SynFlood = SynFlood::default(),
        /// Large answers to somebody who did not ask.
        amplification: Amplification = Amplification::default(),
        /// Logins tried one after the other.
        brute_force: BruteForce = BruteForce::default(),
        /// Logins in the clear.
        cleartext: Cleartext = Cleartext::default(),
        /// Regular calls.
        beacon: Beacon = Beacon::default(),
        /// A place that does not answer, tried again.
        reconnection: Reconnection = Reconnection::default(),
        /// Conversations of hours.
        long_connection: LongConnection = LongConnection::default(),
        /// Names that carry data.
        dns_tunnel: DnsTunnel = DnsTunnel::default(),
        /// Names of a generator.
        dga: Dga = Dga::default(),
        /// Somebody on a list.
        blacklist: Blacklist = Blacklist::default(),
        /// Far more sent than usual.
        exfiltration: Exfiltration = Exfiltration::default(),
        /// A card that was not there before.
        new_device: NewDevice = NewDevice::default(),
        /// A port that did not answer before.
        new_service: NewService = NewService::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_may_be_left_out_and_may_not_be_misspelt() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, Settings::default());
        let some = r#"{"off": ["beacon"], "vertical_scan": {"ports": 30}}"#;
        let settings: Settings = serde_json::from_str(some).unwrap();
        assert_eq!((settings.vertical_scan.ports, settings.vertical_scan.suspicious), (30, 8));
        for wrong in [r#"{"vertical_scan": {"port": 30}}"#, r#"{"scan": {}}"#, r#"{"off": ["x"]}"#]
        {
            assert!(serde_json::from_str::<Settings>(wrong).is_err(), "{wrong}");
        }
    }
}
