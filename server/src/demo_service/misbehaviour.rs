//! The switch that makes the service misbehave, for trying out what Pilothouse shows then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::shop::{self, Shop};

/// How it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mode {
    /// It doesn't.
    None,
    /// Answers take seconds.
    Slow,
    /// Half of the answers are failures.
    Errors,
    /// Its health check fails.
    Unhealthy,
    /// It ends with exit code 1.
    Crash,
    /// It writes 5,000 lines a second.
    Flood,
    /// It takes 4 MiB more memory each second, up to 512 MiB.
    Leak,
}

impl Mode {
    /// Every one.
    pub const ALL: [Mode; 7] = [Mode::None, Mode::Slow, Mode::Errors, Mode::Unhealthy, Mode::Crash, Mode::Flood, Mode::Leak];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::None => "none",
            Mode::Slow => "slow",
            Mode::Errors => "errors",
            Mode::Unhealthy => "unhealthy",
            Mode::Crash => "crash",
            Mode::Flood => "flood",
            Mode::Leak => "leak",
        }
    }
}

/// Holds the present mode.
#[derive(Default)]
pub(super) struct Switch(AtomicU8);

impl Switch {
    /// The present mode.
    pub fn mode(&self) -> Mode {
        Mode::ALL[usize::from(self.0.load(Ordering::Relaxed)) % Mode::ALL.len()]
    }

    /// Turns to the mode that `{"mode": name}` says; answers what is wrong with it.
    pub fn turn(&self, body: &[u8]) -> Result<Mode, String> {
        let named = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|body| Some(body.get("mode")?.as_str()?.to_owned()));
        let mode = named.and_then(|name| Mode::ALL.into_iter().find(|mode| mode.as_str() == name));
        let mode = mode.ok_or_else(|| format!("mode is one of {}", Mode::ALL.map(Mode::as_str).join(", ")))?;
        self.0.store(mode as u8, Ordering::Relaxed);
        shop::log("WARNING", &format!("Told to misbehave: {}", mode.as_str()));
        Ok(mode)
    }
}

/// Bytes that a leak takes each second.
const LEAK_BYTES: usize = 4 << 20;

/// Leaks after which no more is taken: 512 MiB.
const LEAKS: usize = 128;

/// Lines that a flood writes at a time; a hundred times a second.
const FLOOD_LINES: u64 = 50;

/// Does what the mode says, as long as it says so.
pub(super) async fn act(shop: Arc<Shop>) {
    let (mut leaked, mut line) = (Vec::new(), 0_u64);
    loop {
        let pause = match shop.switch.mode() {
            Mode::Crash => {
                // The answer to who told it gets out first.
                tokio::time::sleep(Duration::from_millis(200)).await;
                shop::log(
                    "CRITICAL",
                    "Traceback (most recent call last):\n  File \"shop/main.py\", line 12, in <module>\n    run()\nRuntimeError: told to crash",
                );
                std::process::exit(1);
            }
            Mode::Flood => {
                for _ in 0..FLOOD_LINES {
                    line += 1;
                    shop::log("INFO", &format!("flood line {line}"));
                }
                Duration::from_millis(10)
            }
            Mode::Leak if leaked.len() < LEAKS => {
                // Written, so that it becomes resident.
                leaked.push(vec![leaked.len() as u8 | 1; LEAK_BYTES]);
                shop::log("WARNING", &format!("The cache has {} MiB", leaked.len() * (LEAK_BYTES >> 20)));
                Duration::from_secs(1)
            }
            Mode::Leak => Duration::from_secs(1),
            _ => {
                leaked.clear();
                Duration::from_millis(250)
            }
        };
        tokio::select! {
            () = shop.closing.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
