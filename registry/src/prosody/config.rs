//! Prosody's configuration, with the reasons.

use std::path::Path;

use super::Folder;

/// Modules of ours, by the names of their files: who may make which node, and who may read keys.
pub(super) const MODULES: [(&str, &str); 2] = [
    ("mod_vedette_nodes.lua", include_str!("nodes.lua")),
    ("mod_vedette_keys.lua", include_str!("keys.lua")),
];

pub(super) fn text(folder: &Folder, domain: &str, port: u16) -> String {
    let file = |name: &str| quote(&folder.file(name));
    format!(
        r#"-- Written by vedette at every start.
run_as_root = true -- also without root: it keeps prosodyctl from changing its user
data_path = {data}
certificates = {folder}
plugin_paths = {{ {folder} }}
pidfile = {pidfile}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = {log} }} }}

-- Loopback only, and no other servers.
interfaces = {{ "127.0.0.1" }}
local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ }}
modules_disabled = {{ "s2s" }}

-- Nobody without TLS, nobody without SCRAM, nobody registers.
c2s_require_encryption = true
authentication = "internal_hashed"
password_hash = "SHA-256"
disable_sasl_mechanisms = {{ "DIGEST-MD5", "PLAIN" }}
allow_registration = false

-- No archive ("mam") and no "offline": the agents keep what is not delivered.
storage = "internal"
modules_enabled = {{
  "roster"; "saslauth"; "tls"; "disco"; "presence"; "message"; "iq"; "c2s"; "pep"; "ping";
  "smacks"; "limits"; "blocklist"; "private"; "time"; "uptime"; "version"; "posix"; "vedette_keys";
  "admin_adhoc"; "user_account_management"; -- the registrar makes accounts, whoever has one changes its password
}}
admins = {{ {registrar} }}
gc = {{ mode = "generational" }} -- twice the messages a second of the default
network_settings = {{ nagle = false }} -- an answer must not wait for an acknowledgement
limits = {{ c2s = {{ rate = "20mb/s"; burst = "2s" }} }} -- the default of 10 kB/s is for people
c2s_stanza_size_limit = 256 * 1024
smacks_hibernation_time = 30

VirtualHost {domain}
  ssl = {{ certificate = {certificate}; key = {key} }}

-- Artifacts: what an agent publishes under its own name.
Component {pubsub} "pubsub"
  modules_enabled = {{ "vedette_nodes" }}
  expose_publisher = true
  autocreate_on_publish = false
  autocreate_on_subscribe = false -- else anybody takes any name
"#,
        data = file("data"),
        folder = quote(&folder.file(".")),
        pidfile = file("prosody.pid"),
        log = file("prosody.log"),
        domain = quote(Path::new(domain)),
        registrar = quote(Path::new(&format!("registry@{domain}"))),
        pubsub = quote(Path::new(&format!("pubsub.{domain}"))),
        certificate = file("server.pem"),
        key = file("server.key"),
    )
}

/// A path as a Lua string.
fn quote(path: &Path) -> String {
    let text = path.to_string_lossy();
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
