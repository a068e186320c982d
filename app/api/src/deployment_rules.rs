//! When services may be deployed, and who has to agree.

use serde::{Deserialize, Serialize};

use crate::{Detail, FreezeId, ServiceId, Timestamp};

/// When a service may be deployed, and whether somebody else has to agree. Going back to an earlier release is always possible.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DeploymentRules {
    /// When a deployment may begin, at most 20; none is at any time. One that has begun goes on.
    pub windows: Vec<DeploymentWindow>,
    /// The time zone of the windows by its IANA name, such as `Europe/Berlin`; empty is UTC.
    pub time_zone: String,
    /// Whether a deployment waits until another person than the one who has asked for it agrees.
    pub needs_approval: bool,
}

/// A time of each week in which deployments may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeploymentWindow {
    /// The days on which it begins; none is every day.
    #[serde(default)]
    pub days: Vec<Weekday>,
    /// When it begins, `HH:MM` from `00:00` to `23:59`.
    pub from: String,
    /// When it ends, like that; on the next day when that isn't after the beginning.
    pub to: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    /// All of them, Monday first.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// `mon`, as it is written.
    pub const fn as_str(self) -> &'static str {
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][self as usize]
    }

    fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|day| day.as_str() == text)
    }
}

impl DeploymentRules {
    /// The most windows of a service.
    pub const WINDOWS: usize = 20;

    /// What is wrong with it by itself, field by field. Whether there is such a time zone is known to the machine only.
    pub fn faults(&self) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: String, is_right: bool, message: &str| {
            if !is_right {
                faults.push(Detail { field, message: message.into() });
            }
        };
        check("/windows".into(), self.windows.len() <= Self::WINDOWS, "a service has at most 20 windows");
        for (n, window) in self.windows.iter().take(Self::WINDOWS).enumerate() {
            let is_right = minutes(&window.from).is_some() && minutes(&window.to).is_some();
            check(format!("/windows/{n}"), is_right && window.days.len() <= 7, "a window is like mon-fri 22:00-02:00");
        }
        let is_named = self.time_zone.len() <= 80 && self.time_zone.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c));
        check("/time_zone".into(), is_named, "a time zone is named like Europe/Berlin; empty is UTC");
        faults
    }

    /// Whether it lets everything pass.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && !self.needs_approval
    }
}

impl DeploymentWindow {
    /// Minutes from midnight to its beginning and to its end; none when it isn't written so.
    pub fn minutes(&self) -> Option<(u16, u16)> {
        Some((minutes(&self.from)?, minutes(&self.to)?))
    }

    /// `mon-fri 22:00-02:00`, as [`read_windows`] reads it.
    pub fn write(&self) -> String {
        let mut days = self.days.clone();
        days.sort();
        days.dedup();
        let (from, to) = (&self.from, &self.to);
        let is_row = days.windows(2).all(|pair| pair[0] as u8 + 1 == pair[1] as u8);
        match days[..] {
            [] => format!("{from}-{to}"),
            [first, .., last] if is_row && days.len() > 2 => format!("{}-{} {from}-{to}", first.as_str(), last.as_str()),
            _ => format!("{} {from}-{to}", days.iter().map(|day| day.as_str()).collect::<Vec<_>>().join(",")),
        }
    }
}

/// Windows as they are written, one a line: `mon-fri 22:00-02:00`, `sat,sun 08:00-20:00`, `06:00-07:30`.
///
/// # Errors
/// With the first line that isn't one.
pub fn read_windows(text: &str) -> Result<Vec<DeploymentWindow>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| read_window(line).ok_or_else(|| format!("'{line}' isn't a window; one is like mon-fri 22:00-02:00"))).collect()
}

fn read_window(line: &str) -> Option<DeploymentWindow> {
    let line = line.to_ascii_lowercase();
    let (days, times) = match line.split_once(char::is_whitespace) {
        Some((days, times)) => (days.split(',').map(read_days).collect::<Option<Vec<_>>>()?.concat(), times.trim()),
        None => (Vec::new(), line.as_str()),
    };
    let (from, to) = times.split_once('-')?;
    let window = DeploymentWindow { days, from: from.trim().into(), to: to.trim().into() };
    window.minutes().map(|_| window)
}

fn read_days(text: &str) -> Option<Vec<Weekday>> {
    let Some((first, last)) = text.split_once('-') else { return Weekday::named(text).map(|day| vec![day]) };
    let (first, last) = (Weekday::named(first)? as usize, Weekday::named(last)? as usize);
    // From Saturday to Tuesday goes over the end of the week.
    let count = (last + 7 - first) % 7 + 1;
    Some((0..count).map(|n| Weekday::ALL[(first + n) % 7]).collect())
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let is_plain = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes) =
        is_plain(hours).then_some(()).filter(|()| is_plain(minutes)).and_then(|()| Some((hours.parse().ok()?, minutes.parse().ok()?)))?;
    let (hours, minutes): (u16, u16) = (hours, minutes);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// A time in which no deployment begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Freeze {
    /// Its id.
    pub id: FreezeId,
    /// The service; none is all of them.
    pub service_id: Option<ServiceId>,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
    /// The name of who has set it.
    pub created_by: String,
}

/// A freeze to be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewFreeze {
    /// The service; none is all of them.
    #[serde(default)]
    pub service_id: Option<ServiceId>,
    /// When it begins; none is now.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// When it ends: after its beginning, not yet over, and at most 366 days after that.
    pub to: Timestamp,
    /// Why, 1 to 500 characters: everybody reads it whose deployment waits.
    pub reason: String,
}

/// What somebody says to a deployment that waits for that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Verdict {
    /// Why, at most 500 characters.
    pub message: String,
}

/// Why a deployment waits, besides for those before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentWait {
    /// Whether somebody else has to agree.
    pub needs_approval: bool,
    /// When it may begin, when that is known.
    pub until: Option<Timestamp>,
    /// Why, in words.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::{DeploymentRules, DeploymentWindow, Weekday, read_windows};

    #[test]
    fn windows_are_read_as_they_are_written() {
        let text = "mon-fri 22:00-02:00\n\n sat,sun 08:00-20:00 \n06:00-07:30\nfri-mon 00:00-00:00\nWED 12:00-13:00";
        let windows = read_windows(text).unwrap();
        let written: Vec<_> = windows.iter().map(DeploymentWindow::write).collect();
        let expected = ["mon-fri 22:00-02:00", "sat,sun 08:00-20:00", "06:00-07:30", "mon,fri,sat,sun 00:00-00:00", "wed 12:00-13:00"];
        assert_eq!(written, expected);
        assert_eq!(read_windows(&written.join("\n")).unwrap().len(), 5);
        assert_eq!((windows[0].days.len(), windows[0].minutes()), (5, Some((1320, 120))));
        assert_eq!(windows[4].days, [Weekday::Wed]);
        for line in
            ["mon", "22:00", "mon-fri", "24:00-01:00", "1:00-2:00", "10:60-11:00", "moon 10:00-11:00", "10:00–11:00", "mon 10:00-11:00 tue"]
        {
            assert!(read_windows(line).unwrap_err().contains(line), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_with_rules_is_said_at_its_field() {
        let window = |from: &str| DeploymentWindow { days: Vec::new(), from: from.into(), to: "10:00".into() };
        let rules =
            DeploymentRules { windows: vec![window("09:00"), window("9")], time_zone: "Europe/../etc".into(), needs_approval: true };
        let fields: Vec<_> = rules.faults().into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["/windows/1", "/time_zone"]);
        let many = DeploymentRules { windows: vec![window("09:00"); 21], ..DeploymentRules::default() };
        assert_eq!(many.faults()[0].field, "/windows");
        assert!(DeploymentRules::default().is_empty() && DeploymentRules::default().faults().is_empty());
    }
}
