//! The shop that the demonstration plays: which address does what, with figures and log.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::misbehaviour::{Mode, Switch};
use super::openapi;
use super::orders::Orders;

/// All that the service knows.
pub(super) struct Shop {
    /// Cancelled when the service has been asked to end.
    pub closing: CancellationToken,
    /// How it misbehaves.
    pub switch: Switch,
    orders: Mutex<Orders>,
    metrics: Metrics,
    dice: AtomicU64,
}

/// What is answered to a request.
pub(super) struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The type of the body.
    pub content_type: HeaderValue,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    fn json(status: StatusCode, value: &Value) -> Self {
        Self { status, content_type: HeaderValue::from_static("application/json"), body: value.to_string().into() }
    }

    /// A failure in the form that FastAPI gives it.
    pub fn failure(status: StatusCode, detail: &str) -> Self {
        Self::json(status, &json!({ "detail": detail }))
    }
}

/// What an address is called in figures, and whether people ask for it.
struct Handler {
    name: &'static str,
    is_machine: bool,
}

impl Shop {
    /// A shop with a few orders.
    pub fn new() -> Self {
        let mut seed = [1; 8];
        let _ = getrandom::fill(&mut seed);
        let dice = AtomicU64::new(u64::from_ne_bytes(seed) | 1);
        let (closing, switch) = (CancellationToken::new(), Switch::default());
        Self { closing, switch, orders: Mutex::new(Orders::new()), metrics: Metrics::default(), dice }
    }

    /// Answers a request, counts it and writes it to the log.
    pub async fn answer(&self, method: &str, path: &str, body: &[u8], peer: SocketAddr) -> Answer {
        let began = Instant::now();
        let handler = handler(path);
        if !handler.is_machine {
            tokio::time::sleep(self.think()).await;
        }
        let fails = !handler.is_machine && self.switch.mode() == Mode::Errors && self.roll(2) == 0;
        let answer = if fails { self.fail(path) } else { self.route(method, path, body) };
        self.metrics.count(handler.name, method, answer.status.as_u16(), began.elapsed());
        if !handler.is_machine {
            let (status, reason) = (answer.status.as_u16(), answer.status.canonical_reason().unwrap_or(""));
            log("INFO", &format!("{peer} - \"{method} {path} HTTP/1.1\" {status} {reason}"));
        }
        answer
    }

    /// A number from 0 to below `sides`.
    pub fn roll(&self, sides: u64) -> u64 {
        let step = |dice: u64| {
            let dice = dice ^ (dice << 13);
            let dice = dice ^ (dice >> 7);
            dice ^ (dice << 17)
        };
        let before = self.dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |dice| Some(step(dice)));
        (step(before.unwrap_or(1)) >> 16) % sides.max(1)
    }

    /// How long an answer takes: mostly a few milliseconds, now and then many, and seconds when told to be slow.
    fn think(&self) -> Duration {
        let usual = 2 + self.roll(12) + if self.roll(20) == 0 { 30 + self.roll(120) } else { 0 };
        let slow = if self.switch.mode() == Mode::Slow { 800 + self.roll(1_700) } else { 0 };
        Duration::from_millis(usual + slow)
    }

    fn fail(&self, path: &str) -> Answer {
        log(
            "ERROR",
            &format!(
                "Exception in ASGI application\nTraceback (most recent call last):\n  File \"shop/stock.py\", line 41, in reserve\n    raise StockError(\"warehouse does not answer\")\nshop.errors.StockError: warehouse does not answer ({path})"
            ),
        );
        Answer::failure(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }

    fn route(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut orders = self.orders.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match (method, path) {
            ("GET", "/") => Answer::json(
                StatusCode::OK,
                &json!({ "service": "demonstration", "version": env!("CARGO_PKG_VERSION"), "orders": orders.len(), "misbehaves": self.switch.mode().as_str() }),
            ),
            ("GET", "/health") => match self.switch.mode() {
                Mode::Unhealthy => Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "unhealthy", "reason": "told to be" })),
                _ => Answer::json(StatusCode::OK, &json!({ "status": "ok" })),
            },
            ("GET", "/metrics") => Answer {
                status: StatusCode::OK,
                content_type: HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
                body: self.metrics.text().into(),
            },
            ("GET", "/openapi.json") => Answer::json(StatusCode::OK, &openapi::document()),
            ("GET", "/orders") => Answer::json(StatusCode::OK, &orders.list()),
            ("POST", "/orders") => match orders.add(body) {
                Ok(order) => Answer::json(StatusCode::CREATED, &order),
                Err(detail) => Answer::failure(StatusCode::UNPROCESSABLE_ENTITY, detail),
            },
            ("GET", path) if path.starts_with("/orders/") => match orders.find(&path["/orders/".len()..]) {
                Some(order) => Answer::json(StatusCode::OK, &order),
                None => Answer::failure(StatusCode::NOT_FOUND, "there is no such order"),
            },
            ("GET", "/misbehave") => Answer::json(StatusCode::OK, &json!({ "mode": self.switch.mode().as_str() })),
            ("POST", "/misbehave") => match self.switch.turn(body) {
                Ok(mode) => Answer::json(StatusCode::ACCEPTED, &json!({ "mode": mode.as_str() })),
                Err(detail) => Answer::failure(StatusCode::UNPROCESSABLE_ENTITY, &detail),
            },
            (_, path) if handler(path).name != "none" => Answer::failure(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            _ => Answer::failure(StatusCode::NOT_FOUND, "Not Found"),
        }
    }
}

fn handler(path: &str) -> Handler {
    let (name, is_machine) = match path {
        "/" => ("/", false),
        "/health" => ("/health", true),
        "/metrics" => ("/metrics", true),
        "/openapi.json" => ("/openapi.json", true),
        "/misbehave" => ("/misbehave", true),
        "/orders" => ("/orders", false),
        path if path.starts_with("/orders/") => ("/orders/{id}", false),
        _ => ("none", false),
    };
    Handler { name, is_machine }
}

/// Writes a line, or several, as uvicorn does. A reader that has left is no failure.
pub(super) fn log(level: &str, message: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{:<9} {message}", format!("{level}:"));
}
