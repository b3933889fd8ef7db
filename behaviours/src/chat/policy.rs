//! Who may ask an agent for what.

use runtime::{AgentId, Page, Pattern};

use super::refused;

/// What somebody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Ask how it is.
    Ask,
    /// Have it do something, or not.
    Control,
}

impl Right {
    /// Every right, the least first.
    pub const ALL: [Self; 2] = [Self::Ask, Self::Control];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Control => "control",
        }
    }
}

/// A line of the policy that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadOperator {
    /// It names nobody.
    #[error(
        "`{0}` is no account; it should be one such as \"ops@example.org\", or \"*@example.org\""
    )]
    Account(String),
    /// It gives no right.
    #[error("`{0}` is no right; there are: ask, control")]
    Right(String),
}

/// Who may ask for what. Whoever is not named may nothing.
#[derive(Clone, Debug, Default)]
pub struct Operators(Vec<(Pattern, Right)>);

impl Operators {
    /// Adds somebody, by account; `*` stands for any characters within the name.
    pub fn add(&mut self, account: &str, right: &str) -> Result<(), BadOperator> {
        let bad = || BadOperator::Account(account.to_owned());
        let (name, domain) = account.split_once('@').ok_or_else(bad)?;
        if name.is_empty() || domain.is_empty() || domain.contains(['*', '?', '[', '/']) {
            return Err(bad());
        }
        let pattern = Pattern::glob(account).map_err(|_| bad())?;
        let found = Right::ALL.into_iter().find(|it| it.name() == right);
        let right = found.ok_or_else(|| BadOperator::Right(right.to_owned()))?;
        self.0.push((pattern, right));
        Ok(())
    }

    /// Adds all who may with others.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().cloned());
    }

    /// The accounts that are named one by one.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        let named = self.0.iter().map(|(pattern, _)| pattern.source());
        named.filter(|it| !it.contains(['*', '?', '[', '\\']))
    }

    /// Whether nobody may anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether somebody may.
    pub(super) fn may(&self, who: &AgentId, right: Right) -> bool {
        self.right(who).is_some_and(|has| has >= right)
    }

    fn right(&self, who: &AgentId) -> Option<Right> {
        let named = self.0.iter().filter(|(pattern, _)| pattern.matches(who.bare()));
        named.map(|(_, right)| *right).max()
    }

    pub(super) fn refusal(&self, who: &AgentId, right: Right) -> Page {
        refused(match self.right(who) {
            None => format!("`{}` is none of my operators", who.bare()),
            Some(has) => format!(
                "`{}` may {}, and this takes the right to {}",
                who.bare(),
                has.name(),
                right.name()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_given_by_account_and_the_highest_counts() {
        let mut operators = Operators::default();
        operators.add("*@test", "ask").unwrap();
        operators.add("ops@test", "control").unwrap();
        let may = |who: &str, right| operators.may(&who.into(), right);
        assert!(may("ops@test/phone", Right::Control));
        assert!(may("anna@test", Right::Ask) && !may("anna@test", Right::Control));
        assert!(!may("anna@elsewhere", Right::Ask));
        assert!(!may("ops@test.evil", Right::Ask));
    }

    #[test]
    fn what_is_no_policy_is_told() {
        let mut operators = Operators::default();
        for account in ["ops", "@test", "ops@", "ops@*", "ops@test/phone"] {
            assert!(operators.add(account, "ask").is_err(), "{account}");
        }
        let error = operators.add("ops@test", "root").unwrap_err().to_string();
        assert_eq!(error, "`root` is no right; there are: ask, control");
    }
}
