//! How a service goes from one release to the next, unless a deployment says otherwise.

use serde::{Deserialize, Serialize};

use crate::{Detail, ServiceSpec, Strategy};

/// How a service goes from one release to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Rollout {
    /// How it is deployed when a deployment doesn't say; none is what goes without a break, where that is possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// How many more copies of what runs there are while a rolling deployment goes from replica to replica, 0 to 20. They are started first and end last.
    pub surge: u8,
    /// How many of its replicas may be away at a time while they are taken along, 0 to 20; 0 only with a surge. The service itself always goes first and
    /// alone. Also counts for a restart and for changed settings, which have no surge: one at a time is the least there.
    pub unavailable: u8,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { strategy: None, surge: 0, unavailable: 1 }
    }
}

impl Rollout {
    /// The most of each number.
    pub const MOST: u8 = ServiceSpec::REPLICAS;

    /// Whether nothing was set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How many replicas are taken along at a time.
    pub fn at_a_time(&self) -> u8 {
        self.surge.saturating_add(self.unavailable).max(1)
    }

    /// What is wrong with it by itself, field by field, below the JSON Pointer `at`.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let checks = [
            ("surge", self.surge <= Self::MOST, "a surge is 0 to 20 more copies"),
            ("unavailable", self.unavailable <= Self::MOST, "0 to 20 replicas may be away at a time"),
            (
                "unavailable",
                self.unavailable > 0 || self.surge > 0,
                "when no replica may be away there have to be more of them meanwhile: set 'surge' to 1 or more, or this to 1",
            ),
        ];
        let wrong = checks.into_iter().filter(|(_, is_right, _)| !is_right);
        wrong.map(|(field, _, message)| Detail { field: format!("{at}/{field}"), message: message.into() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Rollout;

    #[test]
    fn something_can_always_be_replaced() {
        let fields = |surge, unavailable| {
            let rollout = Rollout { surge, unavailable, strategy: None };
            rollout.faults("/rollout").into_iter().map(|fault| fault.field).collect::<Vec<_>>()
        };
        assert!(fields(0, 1).is_empty() && fields(1, 0).is_empty() && fields(20, 20).is_empty());
        assert_eq!(fields(0, 0), ["/rollout/unavailable"]);
        assert_eq!(fields(21, 21), ["/rollout/surge", "/rollout/unavailable"]);
    }
}
