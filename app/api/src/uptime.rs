//! For how much of the time a service was up.

use serde::{Deserialize, Serialize};

use crate::{Health, Status, Timestamp};

/// One hour of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UptimeHour {
    /// Its beginning.
    pub at: Timestamp,
    /// Seconds in which it was up.
    pub up_seconds: u32,
    /// Seconds in which it should have been up and wasn't.
    pub down_seconds: u32,
}

/// For how much of the time that it should run a service was up, in per cent; none where it wasn't to run at all. To the minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Uptime {
    /// Over the last 24 hours.
    pub last_24_hours: Option<f64>,
    /// Over the last 7 days.
    pub last_7_days: Option<f64>,
    /// Over the last 30 days.
    pub last_30_days: Option<f64>,
    /// The last 24 hours, oldest first, the present one last.
    pub hours: Vec<UptimeHour>,
}

impl Uptime {
    /// The hours that it is made of: thirty days.
    pub const HOURS: i64 = 30 * 24;

    /// Made of the hours that are known, up to the present one, which `now` is in.
    pub fn of(known: &[UptimeHour], now: Timestamp) -> Self {
        let present = hour(now);
        let share = |hours: i64| {
            let within = known.iter().filter(|one| (present - hours + 1..=present).contains(&hour(one.at)));
            let (up, down) = within.fold((0, 0), |(up, down), one| (up + u64::from(one.up_seconds), down + u64::from(one.down_seconds)));
            (up + down > 0).then(|| 100.0 * up as f64 / (up + down) as f64)
        };
        let hours = (present - 23..=present).map(|wanted| {
            let found = known.iter().find(|one| hour(one.at) == wanted).copied();
            found.unwrap_or(UptimeHour { at: begin(wanted), ..UptimeHour::default() })
        });
        Self { last_24_hours: share(24), last_7_days: share(7 * 24), last_30_days: share(Self::HOURS), hours: hours.collect() }
    }
}

/// The hour that a time is in, counted from 1970.
pub fn hour(at: Timestamp) -> i64 {
    at.seconds().div_euclid(3_600)
}

/// When that hour begins.
pub fn begin(hour: i64) -> Timestamp {
    Timestamp::from_micros(hour.saturating_mul(3_600_000_000))
}

/// Whether a service that should run is up in this state; none while it is being started or stopped, or hasn't answered yet.
pub const fn is_up(status: Status, health: Health) -> Option<bool> {
    match (status, health) {
        (Status::Running, Health::Healthy | Health::Degraded) => Some(true),
        (Status::Running, Health::Unhealthy) | (Status::Error, _) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Uptime, UptimeHour, begin};

    #[test]
    fn each_span_counts_its_own_hours_and_what_is_not_known_counts_for_nothing() {
        let one = |hour, up_seconds, down_seconds| UptimeHour { at: begin(hour), up_seconds, down_seconds };
        let known = [one(1_000, 3_000, 1_000), one(1_100, 0, 600), one(1_110, 1_800, 0)];
        let now = begin(1_110).plus_seconds(1_800);
        let uptime = Uptime::of(&known, now);
        assert_eq!((uptime.last_24_hours, uptime.last_7_days), (Some(75.0), Some(75.0)));
        assert_eq!(Uptime::of(&known, begin(1_100)).last_24_hours, Some(0.0));
        assert_eq!((uptime.hours.len(), uptime.hours[13], uptime.hours[23]), (24, known[1], known[2]));
        assert_eq!(uptime.hours[0], one(1_087, 0, 0));
        assert_eq!(Uptime::of(&[], now).last_30_days, None);
    }
}
