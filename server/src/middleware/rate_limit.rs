//! How often one caller may ask: a bucket of tokens for each user, or address when nobody is signed in. An open WebSocket has one of
//! its own for what its client says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use api::{Error, ErrorCode, UserId};
use app::context::RequestContext;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Failure;
use crate::state::Server;

/// Buckets kept at most; full ones are forgotten first, for they say nothing.
const MOST_BUCKETS: usize = 10_000;

/// Buckets of tokens for all callers.
pub struct RateLimit {
    rate: Rate,
    buckets: Mutex<HashMap<Key, Bucket>>,
}

/// How much a bucket takes: `rate` tokens a second flow in, `burst` fit.
#[derive(Clone, Copy)]
struct Rate {
    rate: f64,
    burst: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    User(UserId),
    Address(String),
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

/// A bucket for one WebSocket.
pub struct OwnLimit {
    rate: Rate,
    bucket: Bucket,
}

impl OwnLimit {
    /// Fails with `rate_limited` when there was too much of late.
    pub fn take(&mut self, now: Instant) -> Result<(), Error> {
        self.bucket.take(self.rate, now)
    }
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    fn level(&self, rate: Rate, now: Instant) -> f64 {
        (self.tokens + now.duration_since(self.at).as_secs_f64() * rate.rate).min(rate.burst)
    }

    fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Error> {
        if rate.rate == 0.0 {
            return Ok(());
        }
        let tokens = self.level(rate, now);
        let is_enough = tokens >= 1.0;
        *self = Self { tokens: if is_enough { tokens - 1.0 } else { tokens }, at: now };
        if is_enough {
            return Ok(());
        }
        let message = format!("more than {} requests a second; wait a second, then ask less often", rate.rate);
        Err(Error::new(ErrorCode::RateLimited, message).retry_after(1))
    }
}

impl RateLimit {
    /// A limit of `rate` requests a second after a first `burst`; a rate of 0 is no limit.
    pub fn new(rate: u32, burst: u32) -> Self {
        Self { rate: Rate { rate: f64::from(rate), burst: f64::from(burst.max(1)) }, buckets: Mutex::default() }
    }

    /// A bucket of the same size for one WebSocket.
    pub fn own(&self, now: Instant) -> OwnLimit {
        OwnLimit { rate: self.rate, bucket: Bucket::full(self.rate, now) }
    }

    fn take(&self, key: Key, now: Instant) -> Result<(), Error> {
        let rate = self.rate;
        if rate.rate == 0.0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| bucket.level(rate, now) < rate.burst);
        }
        buckets.entry(key).or_insert_with(|| Bucket::full(rate, now)).take(rate, now)
    }
}

pub async fn limit(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_limited = ["/api/", "/rpc/", "/ws"].iter().any(|prefix| path.starts_with(prefix));
    match request.extensions().get::<RequestContext>().filter(|_| is_limited).map(key) {
        Some(key) => match server.limit.take(key, Instant::now()) {
            Ok(()) => next.run(request).await,
            Err(error) => Failure(error).into_response(),
        },
        None => next.run(request).await,
    }
}

fn key(context: &RequestContext) -> Key {
    match context.caller.as_ref().and_then(|caller| caller.user_id) {
        Some(user) => Key::User(user),
        None => Key::Address(context.origin.address.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Key, RateLimit};

    #[test]
    fn after_the_burst_the_rate_counts_and_each_caller_alone() {
        let (limit, start) = (RateLimit::new(2, 3), Instant::now());
        let key = |name: &str| Key::Address(name.into());
        let taken = |name: &str, at: u64| limit.take(key(name), start + Duration::from_millis(at)).is_ok();
        assert!(taken("a", 0) && taken("a", 0) && taken("a", 0) && !taken("a", 0));
        assert!(taken("b", 0));
        assert!(!taken("a", 400) && taken("a", 500) && !taken("a", 501));
    }

    #[test]
    fn a_rate_of_nothing_is_no_limit() {
        let limit = RateLimit::new(0, 0);
        assert!((0..1000).all(|_| limit.take(Key::Address("a".into()), Instant::now()).is_ok()));
    }
}
