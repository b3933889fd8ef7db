//! Enrols the agents of this process with its own registry: their keys are made here.

use std::collections::BTreeSet;

use agents::{
    Config, Device, DeviceIdentity, DiskStore, Member, REVOKED, SigningKey, VerifyingKey,
};

use super::{DOMAIN, Failure, house::House};

/// The registrar's account.
fn registrar() -> String {
    format!("registry@{DOMAIN}")
}

/// Where an agent of this process keeps its keys.
fn folder(house: &House, jid: &str) -> std::path::PathBuf {
    house.file("state").join(jid)
}

/// The key of the platform's registry; it is made at the first start.
pub(super) fn registry(house: &House) -> Result<VerifyingKey, Failure> {
    let file = SigningKey::registry_file(&folder(house, &registrar()));
    Ok(SigningKey::open_or_make(&file).map_err(Failure::work)?.public())
}

/// A registrar that runs in a process of its own: it believes its own registry, and vouches for
/// itself alone.
pub(crate) fn alone(config: Config) -> Result<Config, Failure> {
    if config.trust.is_some() || !config.enrols() {
        return Ok(config);
    }
    let file = SigningKey::registry_file(&config.state);
    let registry = SigningKey::open_or_make(&file).map_err(Failure::work)?.public();
    let state = config.state.clone();
    let config = config.enrolled(registry, state);
    config.notary.vouch(vec![member(&config)?]);
    Ok(config)
}

/// Whom an operator revoked: whatever their files say, they are not started.
pub(super) fn revoked(disk: &DiskStore) -> Result<BTreeSet<String>, Failure> {
    let note = disk.of(&registrar()).note(REVOKED).map_err(Failure::work)?;
    let revoked = note.map(|it| serde_json::from_slice(&it)).transpose().map_err(Failure::work)?;
    Ok(revoked.unwrap_or_default())
}

/// The same agents, with keys of their own and the registry to believe.
pub(super) fn enrol(house: &House, registry: VerifyingKey, config: Config) -> Config {
    let folder = folder(house, config.account.jid.as_str());
    config.enrolled(registry, folder)
}

/// What the registry is to vouch for: an agent, with the keys in its folder.
pub(super) fn member(config: &Config) -> Result<Member, Failure> {
    let device = DeviceIdentity::open_or_make(&config.state).map_err(Failure::work)?;
    let evidence = SigningKey::open_or_make(&SigningKey::evidence_file(&config.state));
    let identity = device.fingerprint();
    Ok(Member {
        jid: config.account.jid.to_string(),
        role: config.role.name().to_owned(),
        labels: config.labels().clone(),
        devices: vec![Device { device: device.device, identity }],
        evidence_key: evidence.map_err(Failure::work)?.public().to_string(),
        serial: 0,
    })
}
