//! Probes that show real work on this machine.

mod attack;

use std::{env, fs, net::SocketAddr, path::Path};

use agents::Clock;

use super::{DOMAIN, Failure, house::House};

/// Three probes: one looks at the platform, one at the machine, one at a capture of an attack.
pub(super) fn write(house: &House, listen: SocketAddr) -> Result<(), Failure> {
    let head = |name: &str, site: &str| {
        format!(
            "# Written by `vedette up --demo` at every start.\nrole = \"probe\"\n\
             jid = \"{name}@{DOMAIN}\"\npassword_file = \"../secrets/{name}\"\n\
             labels = {{ site = \"{site}\" }}\n"
        )
    };
    let platform = format!(
        r#"{}
[[behaviour]]
run = "check"
name = "api-health"
type = "http"
every = "5s"
check = {{ http = "http://{listen}/health/ready", status = 200 }}
timeout = "3s"

[[behaviour]]
run = "check"
name = "api-port"
type = "tcp"
every = "7s"
check = {{ tcp = "{listen}" }}
timeout = "3s"

[[behaviour]]
run = "check"
name = "listening"
type = "open-ports"
every = "10s"
command = {sockets}
expect = {{ matches = "{listening}" }}
parse = "lines"
"#,
        head("probe1", "platform"),
        sockets = sockets().0,
        listening = sockets().1,
    );
    let machine = format!(
        r#"{}
[[behaviour]]
run = "check"
name = "disk"
type = "disk"
every = "6s"
command = ["df", "-P", "/"]
expect = {{ exit = 0, matches = "\\d+%" }}
parse = "lines"

[[behaviour]]
run = "check"
name = "load"
type = "load"
every = "3s"
command = ["cat", "/proc/loadavg"]
expect = {{ matches = "^\\d" }}

# This one is to fail: hardly any machine has been up for half a year.
[[behaviour]]
run = "check"
name = "up-for-half-a-year"
type = "uptime"
every = "8s"
command = ["cat", "/proc/uptime"]
expect = {{ matches = "^(1[6-9]|[2-9]\\d)\\d{{6}}|^\\d{{9,}}" }}
"#,
        head("probe2", "machine"),
    );
    let traffic = format!(
        r#"{}
# A capture that was made up; `interface = "eth0"` instead would watch this machine.
[[behaviour]]
run = "watch"
name = "traffic"
file = "attack.pcap"
every = "10m"
"#,
        head("probe3", "network"),
    );
    let capture = house.file("demo/attack.pcap");
    if !capture.exists() {
        let now = u64::try_from(Clock::system().now_ms() / 1000).unwrap_or(0);
        let written =
            fs::create_dir_all(house.file("demo")).and_then(|()| attack::write(&capture, now));
        written.map_err(|error| {
            Failure::work(format!("cannot write `{}`: {error}", capture.display()))
        })?;
    }
    for (name, text) in [("probe1", platform), ("probe2", machine), ("probe3", traffic)] {
        super::write(&house.file(&format!("demo/{name}.toml")), &text)?;
    }
    Ok(())
}

/// How to list what listens on this machine: by `ss`, or without it by the kernel's own table.
fn sockets() -> (&'static str, &'static str) {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain([Path::new("/usr/bin").to_owned()]);
    if folders.any(|folder| folder.join("ss").is_file()) {
        (r#"["ss", "-ltn"]"#, "LISTEN")
    } else {
        (r#"["cat", "/proc/net/tcp"]"#, " 0A ")
    }
}
