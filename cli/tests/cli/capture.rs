//! What goes over the loopback interface, by tcpdump, for whoever looks at it afterwards.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};

use crate::support::{Process, run, until};

/// Packets that wait to be written, in KiB: other tests are loud.
const BUFFER: &str = "32768";

/// Where nobody listens (RFC 863), for our own last word.
const DISCARD: u16 = 9;

pub(crate) struct Capture {
    process: Process,
    file: PathBuf,
    log: PathBuf,
}

impl Capture {
    /// Listens to what a filter of tcpdump lets pass.
    pub(crate) async fn begin(folder: &Path, name: &str, filter: &str) -> Self {
        let (file, log) = (folder.join(name).with_extension("pcap"), folder.join(name));
        let mut tcpdump = privileged("tcpdump");
        tcpdump.args(["-i", "lo", "-U", "-Z", "root", "-B", BUFFER, "-w"]).arg(&file);
        tcpdump.arg(format!("({filter}) or udp dst port {DISCARD}"));
        let process = Process::start(tcpdump.process_group(0), &log);
        until("tcpdump listens", async || {
            let said = fs::read_to_string(&log).ok()?;
            assert!(!said.contains("permission"), "only root, or who may sudo, can listen: {said}");
            said.contains("listening on lo").then_some(())
        })
        .await;
        Self { process, file, log }
    }

    /// Waits until all that was said is written down, stops, and returns everything.
    pub(crate) async fn end(mut self) -> Vec<u8> {
        let last = format!("the end of {}", self.file.display());
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.send_to(last.as_bytes(), (Ipv4Addr::LOCALHOST, DISCARD)).unwrap();
        until("the last word", async || shows(&fs::read(&self.file).ok()?, &last).then_some(()))
            .await;
        let stopped = run(privileged("kill").arg(self.process.0.id().to_string()));
        assert!(stopped.status.success(), "{stopped:?}");
        self.process.end().await;
        let told = fs::read_to_string(&self.log).unwrap();
        assert!(told.contains("\n0 packets dropped by kernel"), "it is not whole: {told}");
        fs::read(&self.file).unwrap()
    }
}

fn privileged(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", program]);
    sudo
}

/// Whether a text is in there: as it is, in base64 however it is aligned, or in hexadecimal.
pub(crate) fn shows(bytes: &[u8], text: &str) -> bool {
    let bytes = String::from_utf8_lossy(bytes);
    let hex = text.bytes().fold(String::new(), |hex, it| hex + &format!("{it:02x}"));
    let aligned = (0..3).map(|before| in_base64(text, before));
    let looks = aligned.chain([text.to_owned(), hex.to_uppercase(), hex]);
    looks.into_iter().any(|it| bytes.contains(&it))
}

/// What of a text in base64 does not depend on what is around it.
fn in_base64(text: &str, before: usize) -> String {
    let padded = [vec![0; before], text.as_bytes().to_vec()].concat();
    let encoded = BASE64_STANDARD_NO_PAD.encode(&padded);
    // Six bits a character: the first and the last may share theirs with a neighbour.
    let (start, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    encoded[start..end].to_owned()
}

#[test]
fn a_text_is_found_in_each_of_its_looks_and_no_other() {
    let around = |before: &str| format!("{before}marker-1 and more").into_bytes();
    for before in ["", "x", "xy", "xyz"] {
        let encoded = BASE64_STANDARD_NO_PAD.encode(around(before));
        assert!(shows(encoded.as_bytes(), "marker-1"), "{encoded}");
        assert!(shows(&around(before), "marker-1"));
        assert!(!shows(encoded.as_bytes(), "market-1"));
    }
    assert!(shows(b"..6d61726b65722d31", "marker-1") && shows(b"6D61726B65722D31", "marker-1"));
    assert!(!shows(b"", "marker-1"));
}
