//! The part of a form that says how a service goes from one release to the next.
#![allow(missing_docs, reason = "the fields are named as what they set")]

use api::Rollout;
use serde::{Deserialize, Serialize};

/// How a service goes from one release to the next. What is empty is as if nothing was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RolloutForm {
    /// A [`api::Strategy`]; empty is what goes without a break.
    pub strategy: String,
    pub surge: String,
    pub unavailable: String,
}

impl RolloutForm {
    /// What is said of it now.
    pub fn of(rollout: &Rollout) -> Self {
        let strategy = rollout.strategy.map(|strategy| strategy.as_str().to_owned()).unwrap_or_default();
        Self { strategy, surge: rollout.surge.to_string(), unavailable: rollout.unavailable.to_string() }
    }

    /// What is in it.
    #[cfg(feature = "ssr")]
    pub(super) fn rollout(&self, numbers: &mut super::numbers::Numbers) -> Rollout {
        let strategy = self.strategy.trim();
        let named = api::Strategy::ALL.iter().copied().find(|one| one.as_str() == strategy);
        if named.is_none() && !strategy.is_empty() {
            numbers.fault("/rollout/strategy", "there is no such strategy".into());
        }
        let mut number = |field: &str, text: &str, none: u8| match text.trim() {
            "" => none,
            text => text.parse().ok().filter(|number| *number <= Rollout::MOST).unwrap_or_else(|| {
                numbers.fault(field, format!("this is a number from 0 to {}", Rollout::MOST));
                none
            }),
        };
        let none = Rollout::default();
        let surge = number("/rollout/surge", &self.surge, none.surge);
        Rollout { strategy: named, surge, unavailable: number("/rollout/unavailable", &self.unavailable, none.unavailable) }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{Rollout, Strategy};

    use super::RolloutForm;
    use crate::rpc::numbers::Numbers;

    #[test]
    fn what_is_typed_is_what_was_shown() {
        let read = |form: &RolloutForm| {
            let mut numbers = Numbers::default();
            let rollout = form.rollout(&mut numbers);
            numbers.refuse().map(|()| rollout)
        };
        assert_eq!(read(&RolloutForm::default()), Ok(Rollout::default()));
        let some = Rollout { strategy: Some(Strategy::BlueGreen), surge: 2, unavailable: 0 };
        assert_eq!(read(&RolloutForm::of(&some)), Ok(some));
        let wrong = RolloutForm { strategy: "big_bang".into(), surge: "-1".into(), unavailable: "21".into() };
        let fields: Vec<_> = read(&wrong).unwrap_err().details.into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["/rollout/strategy", "/rollout/surge", "/rollout/unavailable"]);
    }
}
