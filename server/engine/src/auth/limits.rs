//! How often somebody may try to sign in.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use api::{Error, ErrorCode, Result, Timestamp};

/// The time that attempts are counted over, in seconds.
const WINDOW: i64 = 60;
/// Names and addresses that are remembered; beyond it the ones that may try again are forgotten first.
const KEYS: usize = 20_000;

/// Attempts of the last minute, for each address and each account.
pub struct Limits {
    most: Option<usize>,
    attempts: Mutex<HashMap<String, VecDeque<Timestamp>>>,
}

impl Limits {
    /// At most `most` a minute for each; none is no limit.
    pub fn new(most: Option<u32>) -> Self {
        Self { most: most.map(|most| most as usize), attempts: Mutex::default() }
    }

    /// Counts an attempt. Fails with `rate_limited`, counting nothing, when one of the keys has had its share.
    pub fn attempt(&self, keys: &[String], now: Timestamp) -> Result<()> {
        let Some(most) = self.most else { return Ok(()) };
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() > KEYS {
            attempts.retain(|_, times| times.back().is_some_and(|last| is_recent(*last, now)));
        }
        let mut wait = 0;
        for key in keys {
            let times = attempts.entry(key.clone()).or_default();
            while times.front().is_some_and(|first| !is_recent(*first, now)) {
                times.pop_front();
            }
            if times.len() >= most {
                let first = times.front().copied().unwrap_or(now);
                wait = wait.max(WINDOW - now.seconds_since(first).floor() as i64).max(1);
            }
        }
        if wait > 0 {
            let seconds = u32::try_from(wait).unwrap_or(60);
            let message = format!("too many sign-ins from this address or to this account; try again in {seconds} s");
            return Err(Error::new(ErrorCode::RateLimited, message).retry_after(seconds));
        }
        for key in keys {
            attempts.entry(key.clone()).or_default().push_back(now);
        }
        Ok(())
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    // A clock that was set back must not lock anybody out for longer.
    (0.0..WINDOW as f64).contains(&now.seconds_since(at))
}

#[cfg(test)]
mod tests {
    use api::Timestamp;

    use super::Limits;

    #[test]
    fn the_limit_is_for_each_key_and_ends_after_a_minute() {
        let limits = Limits::new(Some(2));
        let now = Timestamp::from_micros(1_000_000_000);
        let keys = ["address 1".to_owned(), "account a".to_owned()];
        assert!(limits.attempt(&keys, now).is_ok() && limits.attempt(&keys, now.plus_seconds(20)).is_ok());
        let refused = limits.attempt(&keys, now.plus_seconds(30)).expect_err("it is the third");
        assert_eq!(refused.retry_after, Some(30));
        assert!(limits.attempt(&keys[1..], now.plus_seconds(30)).is_err(), "from another address too");
        assert!(limits.attempt(&["account b".into()], now.plus_seconds(30)).is_ok());
        assert!(limits.attempt(&keys, now.plus_seconds(60)).is_ok());
    }
}
