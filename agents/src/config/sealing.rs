//! How an agent speaks to others: sealed, or in plain.

use std::collections::BTreeMap;

use registry::{BareJid, Policies, Policy};
use runtime::Fields;

use crate::Role;

/// The rule for everybody else.
const OTHERS: &str = "others";

/// Reads `sealing`. Every line that cannot be read is told.
pub(super) fn read(fields: &mut Fields<'_>, me: &str, role: Option<Role>) -> Policies {
    let gathers = matches!(role, Some(Role::Aggregator | Role::Registrar));
    let mut policies = Policies::of_agent(me, gathers);
    let right = "a table of accounts and one of sealed, prefer, plain, such as \
                 { \"*@spade.example\" = \"plain\" }";
    let table: BTreeMap<String, String> = fields.take("sealing", right).unwrap_or_default();
    for (who, policy) in table {
        let named = Policy::ALL.into_iter().find(|it| it.name() == policy);
        let domain = who.strip_prefix("*@").map(|it| format!("x@{it}"));
        let account = domain.as_deref().unwrap_or(&who).parse::<BareJid>();
        let Some(policy) = named else {
            let told = format!("`{policy}` is none of sealed, prefer, plain");
            fields.complain(&format!("sealing.{who}"), told);
            continue;
        };
        if who == OTHERS {
            policies.others = policy;
        } else if account.is_ok_and(|it| it.node().is_some()) {
            policies.rules.insert(who, policy);
        } else {
            let told = "neither an account, nor `*@domain`, nor `others`".to_owned();
            fields.complain(&format!("sealing.{who}"), told);
        }
    }
    policies
}
