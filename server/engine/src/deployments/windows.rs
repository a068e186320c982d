//! When the next window opens, in the time zone that it is of.

use api::{DeploymentRules, Timestamp, Weekday};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

/// The time zone of that name; empty is UTC.
///
/// # Errors
/// With why there is none, and what to do.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        name => TimeZone::get(name).map_err(|_| {
            format!("this machine knows no time zone '{name}'; give one like Europe/Berlin, leave it empty for UTC, or install the package tzdata")
        }),
    }
}

/// When the next window of `rules` opens; none while one is open, or when there are none.
///
/// # Errors
/// When the machine doesn't know the time zone any more, with what to do.
pub(super) fn opens(rules: &DeploymentRules, now: Timestamp) -> Result<Option<Timestamp>, String> {
    if rules.windows.is_empty() {
        return Ok(None);
    }
    let zone = zone(&rules.time_zone)?;
    let instant = jiff::Timestamp::from_microsecond(now.micros()).map_err(|error| error.to_string())?;
    let now = instant.to_zoned(zone.clone());
    let mut next: Option<Zoned> = None;
    // One that has begun yesterday may still be open, and each comes again within a week.
    for offset in -1..=8 {
        let Ok(date) = now.date().checked_add(offset.days()) else { continue };
        for window in &rules.windows {
            let day = Weekday::ALL[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())];
            let Some((from, to)) = window.minutes().filter(|_| window.days.is_empty() || window.days.contains(&day)) else { continue };
            let end_date = if to > from { Some(date) } else { date.tomorrow().ok() };
            let (Some(begin), Some(end)) = (at(date, from, &zone), end_date.and_then(|date| at(date, to, &zone))) else { continue };
            if begin <= now && now < end {
                return Ok(None);
            }
            if begin > now && next.as_ref().is_none_or(|next| begin < *next) {
                next = Some(begin);
            }
        }
    }
    Ok(next.map(|next| Timestamp::from_micros(next.timestamp().as_microsecond())))
}

/// That time of that day. One that the clocks leave out is the one that comes in its place, and of one that comes twice the first counts.
fn at(date: Date, minutes: u16, zone: &TimeZone) -> Option<Zoned> {
    let time = Time::new(i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?, 0, 0).ok()?;
    date.to_datetime(time).to_zoned(zone.clone()).ok()
}

#[cfg(test)]
mod tests {
    use api::{DeploymentRules, Timestamp, read_windows};

    use super::{opens, zone};

    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(text.parse::<jiff::Timestamp>().expect("a time").as_microsecond())
    }

    fn next(windows: &str, time_zone: &str, now: &str) -> Option<Timestamp> {
        let rules =
            DeploymentRules { windows: read_windows(windows).expect("windows"), time_zone: time_zone.into(), needs_approval: false };
        opens(&rules, at(now)).expect("a time zone")
    }

    #[test]
    fn a_window_opens_when_its_clock_says_so() {
        // 2026-11-27 is a Friday.
        for (windows, zone, now, opening) in [
            ("", "", "2026-11-27T12:00:00Z", None),
            ("09:00-17:00", "", "2026-11-27T12:00:00Z", None),
            ("09:00-17:00", "", "2026-11-27T17:00:00Z", Some("2026-11-28T09:00:00Z")),
            ("mon-fri 09:00-17:00", "", "2026-11-27T17:00:00Z", Some("2026-11-30T09:00:00Z")),
            ("mon-fri 09:00-17:00", "Europe/Berlin", "2026-11-27T08:00:00Z", None),
            ("mon-fri 09:00-17:00", "Europe/Berlin", "2026-11-27T07:59:59Z", Some("2026-11-27T08:00:00Z")),
            // Over midnight, from the evening before.
            ("fri 22:00-02:00", "", "2026-11-28T01:59:59Z", None),
            ("fri 22:00-02:00", "", "2026-11-28T02:00:00Z", Some("2026-12-04T22:00:00Z")),
            ("00:00-00:00", "", "2026-11-27T12:00:00Z", None),
            ("fri 12:00-12:00", "", "2026-11-28T11:59:00Z", None),
            ("fri 10:00-11:00\nsat 08:00-09:00", "", "2026-11-27T12:00:00Z", Some("2026-11-28T08:00:00Z")),
            // At half past two there is no half past two in this night.
            ("sun 02:30-04:00", "Europe/Berlin", "2026-03-28T12:00:00Z", Some("2026-03-29T01:30:00Z")),
            // And here it comes twice.
            ("sun 02:30-04:00", "Europe/Berlin", "2026-10-24T12:00:00Z", Some("2026-10-25T00:30:00Z")),
        ] {
            assert_eq!(next(windows, zone, now), opening.map(at), "{windows} in {zone} at {now}");
        }
    }

    #[test]
    fn a_time_zone_that_is_not_known_is_said() {
        assert!(zone("Europe/Berlin").is_ok() && zone("").is_ok());
        assert!(zone("Middle/Earth").expect_err("there is none").contains("Middle/Earth"));
    }
}
