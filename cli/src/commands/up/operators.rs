//! People who may ask the agents of the platform: `operators.toml` in the data folder.

use std::{collections::BTreeMap, fs, io};

use agents::{Operators, prosody::Prepared};

use super::{
    DOMAIN, Failure,
    house::House,
    members::{open_account, write_secret},
};

/// The file, in the data folder.
const FILE: &str = "operators.toml";

/// Reads who may ask every agent; without the file, nobody.
pub(super) fn read(house: &House) -> Result<Operators, Failure> {
    let path = house.file(FILE);
    let mut operators = Operators::default();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(operators),
        Err(error) => {
            return Err(Failure::work(format!("cannot read `{}`: {error}", path.display())));
        }
    };
    let hint =
        "a line is an account and what it may: \"ops@vedette.local\" = \"control\", or \"ask\"";
    let wrong = |why: String| Failure::call(format!("`{}`: {why}", path.display())).hint(hint);
    let lines: BTreeMap<String, String> =
        toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
    let problems: Vec<String> = lines
        .iter()
        .filter_map(|(account, right)| operators.add(account, right).err())
        .map(|it| it.to_string())
        .collect();
    if problems.is_empty() { Ok(operators) } else { Err(wrong(problems.join("; "))) }
}

/// Makes an account for each of them that is of our own domain and has none; its password is in
/// `secrets/`.
pub(super) async fn open_accounts(
    house: &House,
    prosody: &Prepared,
    operators: &Operators,
) -> Result<(), Failure> {
    for account in operators.accounts() {
        let Some((name, domain)) = account.split_once('@') else { continue };
        if domain != DOMAIN || prosody.has(name) {
            continue;
        }
        let path = house.file(&format!("secrets/{name}"));
        let failed = |error| Failure::work(format!("`{}`: {error}", path.display()));
        if !path.exists() {
            write_secret(&path).map_err(failed)?;
        }
        let password = fs::read_to_string(&path).map_err(failed)?;
        open_account(prosody, name, &password.trim().into()).await.map_err(Failure::work)?;
    }
    Ok(())
}
