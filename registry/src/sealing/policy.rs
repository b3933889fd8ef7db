//! How others are spoken to: sealed, sealed where that is possible, or in plain.

use std::collections::BTreeMap;

use types::Policy;

/// The policies of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Its own account.
    pub me: String,
    /// By account, or by `*@domain`.
    pub rules: BTreeMap<String, Policy>,
    /// Of those that the registry does not vouch for.
    pub others: Policy,
    /// Whether others may say in plain what an agent acts on, not only what people say. Who
    /// gathers what others found should not believe just anybody.
    pub acts: bool,
}

impl Policies {
    /// The policies that an agent has unless it is told otherwise.
    pub fn of_agent(me: &str, gathers: bool) -> Self {
        Self { me: me.to_owned(), rules: BTreeMap::new(), others: Policy::Prefer, acts: !gathers }
    }

    /// The policy for an account.
    pub(crate) fn of(&self, account: &str, is_member: bool) -> Policy {
        let domain =
            || account.split_once('@').and_then(|(_, it)| self.rules.get(&format!("*@{it}")));
        match self.rules.get(account).or_else(domain) {
            Some(policy) => *policy,
            None if is_member => Policy::Sealed,
            None => self.others,
        }
    }

    /// Whether a rule says that an account is spoken to in plain.
    pub(crate) fn rules_plain(&self, account: &str) -> bool {
        self.of(account, true) == Policy::Plain
    }

    pub(crate) fn hears_acts(&self) -> bool {
        self.acts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_comes_before_its_domain_and_both_before_what_is_usual() {
        let mut policies = Policies::of_agent("me@test", false);
        policies.rules.insert("*@spade.test".to_owned(), Policy::Plain);
        policies.rules.insert("good@spade.test".to_owned(), Policy::Sealed);
        let of = |account, is_member| policies.of(account, is_member);
        assert_eq!(of("a@spade.test", false), Policy::Plain);
        assert_eq!(of("good@spade.test", false), Policy::Sealed);
        assert_eq!(of("a@test", true), Policy::Sealed);
        assert_eq!(of("a@test", false), Policy::Prefer);
    }
}
