//! What to do in a Region, given who is its administrator.

use controller_core::id::AccountId;

/// An administrator as Macie lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Its account.
    pub account: String,
    /// Whether it is on its way out (`DISABLING_IN_PROGRESS`). Anything that Macie might say in
    /// future counts as not leaving.
    pub leaving: bool,
}

/// The next step in a Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is as it should be.
    Nothing,
    /// Macie is still removing an administrator.
    Wait,
    /// Designate ours.
    Enable,
    /// End the designation of this account.
    Disable(String),
    /// This account is the administrator, and nobody said that it is to be replaced.
    Refuse(String),
}

/// The next step towards our administrator.
pub fn designate(ours: &AccountId, replaced: &[AccountId], admins: &[Admin]) -> Step {
    let is = |admin: &Admin, id: &AccountId| admin.account == id.as_str();
    match admins.iter().find(|admin| !admin.leaving) {
        Some(admin) if is(admin, ours) => Step::Nothing,
        Some(admin) if replaced.iter().any(|id| is(admin, id)) => {
            Step::Disable(admin.account.clone())
        }
        Some(admin) => Step::Refuse(admin.account.clone()),
        None if admins.is_empty() => Step::Enable,
        None => Step::Wait,
    }
}

/// The next step away from our administrator; others are none of our business.
pub fn remove(ours: &AccountId, admins: &[Admin]) -> Step {
    let mut own = admins.iter().filter(|admin| admin.account == ours.as_str());
    match own.next() {
        None => Step::Nothing,
        Some(admin) if admin.leaving => Step::Wait,
        Some(admin) => Step::Disable(admin.account.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "222222222222";
    const OLD: &str = "333333333333";
    const OTHER: &str = "444444444444";

    /// Accounts, and whether they are leaving.
    type Listed = &'static [(&'static str, bool)];

    fn admins(listed: Listed) -> Vec<Admin> {
        let admin = |(account, leaving): &(&str, bool)| Admin {
            account: (*account).to_owned(),
            leaving: *leaving,
        };
        listed.iter().map(admin).collect()
    }

    fn disable(account: &str) -> Step {
        Step::Disable(account.to_owned())
    }

    #[test]
    fn a_designation_is_made_moved_or_refused() {
        let ours: AccountId = OURS.parse().unwrap();
        let old = vec![OLD.parse::<AccountId>().unwrap()];
        let refuse = |account: &str| Step::Refuse(account.to_owned());
        let cases: [(Listed, Step, Step); 8] = [
            (&[], Step::Enable, Step::Enable),
            (&[(OURS, false)], Step::Nothing, Step::Nothing),
            (&[(OURS, false), (OLD, true)], Step::Nothing, Step::Nothing),
            (&[(OURS, true)], Step::Wait, Step::Wait),
            (&[(OTHER, true)], Step::Wait, Step::Wait),
            (&[(OLD, false)], refuse(OLD), disable(OLD)),
            (&[(OURS, true), (OLD, false)], refuse(OLD), disable(OLD)),
            (&[(OTHER, false)], refuse(OTHER), refuse(OTHER)),
        ];
        for (listed, without, with) in cases {
            let found = admins(listed);
            assert_eq!(designate(&ours, &[], &found), without, "{listed:?}");
            assert_eq!(designate(&ours, &old, &found), with, "{listed:?} moved");
        }
    }

    #[test]
    fn only_ours_is_removed() {
        let ours: AccountId = OURS.parse().unwrap();
        let cases: [(Listed, Step); 5] = [
            (&[], Step::Nothing),
            (&[(OTHER, false)], Step::Nothing),
            (&[(OURS, false)], disable(OURS)),
            (&[(OURS, true)], Step::Wait),
            (&[(OTHER, false), (OURS, true)], Step::Wait),
        ];
        for (listed, expected) in cases {
            assert_eq!(remove(&ours, &admins(listed)), expected, "{listed:?}");
        }
    }
}
