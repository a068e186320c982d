//! What comes after a run that ended by itself: the rules of starting it again.

use serde::{Deserialize, Serialize};

use crate::{RestartPolicy, Timestamp};

/// How the reason begins that a service gives which runs on because a new copy couldn't take its place.
pub const NOT_RESTARTED: &str = "it wasn't restarted";

/// Starts of a service by its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Restarts {
    /// How often it has been started by its policy in a row: since somebody last started it, or it last ran for five minutes.
    pub in_a_row: u32,
    /// When it will be started again; none when it runs, or won't be.
    pub next_at: Option<Timestamp>,
}

impl Restarts {
    /// So many starts in a row are a crash loop.
    pub const CRASH_LOOP: u32 = 5;
    /// A run of so many seconds ends a row.
    pub const STABLE_SECONDS: f64 = 300.0;
    /// The longest wait before a start, in seconds.
    const LONGEST_WAIT: u32 = 300;

    /// Whether it is in a crash loop. It is still started again, with long waits.
    pub const fn is_crash_loop(&self) -> bool {
        self.in_a_row >= Self::CRASH_LOOP
    }

    /// What comes after one more run has ended by itself at `now`: with a failure or not, after so many seconds. The waits are 1 s, then
    /// twice as long each time up to five minutes.
    pub fn after_end(self, policy: RestartPolicy, is_failure: bool, ran_seconds: f64, now: Timestamp) -> Self {
        let before = if ran_seconds >= Self::STABLE_SECONDS { 0 } else { self.in_a_row };
        let is_again = match policy {
            RestartPolicy::Never => false,
            RestartPolicy::OnFailure => is_failure,
            RestartPolicy::Always => true,
        };
        if !is_again {
            return Self { in_a_row: before, next_at: None };
        }
        let wait = 1_u32.checked_shl(before).unwrap_or(u32::MAX).min(Self::LONGEST_WAIT);
        Self { in_a_row: before.saturating_add(1), next_at: Some(now.plus_seconds(wait.into())) }
    }
}

#[cfg(test)]
mod tests {
    use super::Restarts;
    use crate::{RestartPolicy, Timestamp};

    #[test]
    fn the_waits_double_up_to_five_minutes_and_begin_anew_after_a_long_run() {
        let now = Timestamp::default();
        let mut restarts = Restarts::default();
        let mut waits = Vec::new();
        for _ in 0..40 {
            restarts = restarts.after_end(RestartPolicy::OnFailure, true, 2.0, now);
            waits.push(restarts.next_at.map(|at| at.seconds_since(now)).unwrap_or_default());
        }
        assert_eq!(waits[..10], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0]);
        assert!(waits[10..].iter().all(|wait| *wait == 300.0) && restarts.is_crash_loop());
        let anew = restarts.after_end(RestartPolicy::OnFailure, true, 300.0, now);
        assert_eq!((anew.in_a_row, anew.is_crash_loop()), (1, false));
    }

    #[test]
    fn the_policy_says_which_ends_are_mended() {
        let next = |policy, is_failure| Restarts::default().after_end(policy, is_failure, 1.0, Timestamp::default()).next_at.is_some();
        use RestartPolicy::{Always, Never, OnFailure};
        let table =
            [(Never, true, false), (Never, false, false), (OnFailure, true, true), (OnFailure, false, false), (Always, false, true)];
        for (policy, is_failure, is_again) in table {
            assert_eq!(next(policy, is_failure), is_again, "{policy} {is_failure}");
        }
    }
}
