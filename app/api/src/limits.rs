//! What a service may use of its machine at most.

use serde::{Deserialize, Serialize};

use crate::Detail;

const MIB: u64 = 1 << 20;
/// The units that an amount of memory is written in, the largest first.
const UNITS: [(&str, u64); 6] = [("GiB", 1 << 30), ("MiB", MIB), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// What a service may use of its machine at most; what is none has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of memory of all that it runs together, 6 MiB to 1 PiB. What needs more is killed.
    pub memory_bytes: Option<u64>,
    /// Per cent of one core for all that it runs together, 1 to 102400: 150 is one core and a half. What needs more is slowed down.
    pub cpu_percent: Option<u32>,
    /// Processes and threads that it may have at a time, 1 to 4194304. No more can be started then.
    pub processes: Option<u32>,
    /// Files and connections that each of its processes may have open, 64 to 1048576.
    pub open_files: Option<u32>,
}

impl Limits {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with them, field by field, below the JSON Pointer `at`.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let checks = [
            ("memory_bytes", self.memory_bytes, 6 * MIB..=1 << 50, "a limit of memory is 6 MiB to 1 PiB"),
            ("cpu_percent", self.cpu_percent.map(u64::from), 1..=102_400, "a limit of CPU is 1 to 102400 per cent of one core"),
            ("processes", self.processes.map(u64::from), 1..=4_194_304, "a limit of processes and threads is 1 to 4194304"),
            ("open_files", self.open_files.map(u64::from), 64..=1_048_576, "a limit of open files is 64 to 1048576"),
        ];
        let is_wrong = checks.into_iter().filter(|(_, limit, range, _)| limit.is_some_and(|limit| !range.contains(&limit)));
        is_wrong.map(|(field, _, _, message)| Detail { field: format!("{at}/{field}"), message: message.into() }).collect()
    }

    /// What they are, for people: `512 MiB of memory`, `150 % CPU`; empty when there is none.
    pub fn words(&self) -> String {
        let parts = [
            self.memory_bytes.map(|bytes| format!("{} of memory", write_bytes(bytes))),
            self.cpu_percent.map(|percent| format!("{percent} % CPU")),
            self.processes.map(|count| format!("{count} processes and threads")),
            self.open_files.map(|count| format!("{count} open files a process")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Reads an amount of memory as people write it: `512 MiB`, `1.5GB`, `2g` (as Docker has it: GiB), or bytes; none when it isn't one.
pub fn read_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1 << 10,
        "m" => MIB,
        "g" => 1 << 30,
        unit => UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    // So that no digit is lost: at most nine after the point.
    let part = part.get(..part.len().min(9))?;
    let scale = 10_u128.pow(part.len() as u32);
    let value = whole.parse::<u64>().ok().map(u128::from)? * scale + u128::from(part.parse::<u64>().ok()?);
    u64::try_from(value * u128::from(factor) / scale).ok()
}

/// An amount of memory as [`read_bytes`] reads it back: in the largest unit that it is a whole number of.
pub fn write_bytes(bytes: u64) -> String {
    let unit = UNITS.into_iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| bytes.to_string(), |(name, factor)| format!("{} {name}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::{Limits, read_bytes, write_bytes};

    #[test]
    fn amounts_of_memory_are_read_as_people_write_them() {
        let read = [("512 MiB", 512 << 20), ("1.5GiB", 3 << 29), ("2g", 2 << 30), (" 100 mb ", 100_000_000), ("0.25 kB", 250), ("77", 77)];
        for (text, bytes) in read {
            assert_eq!(read_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "much", "-1", "1,5 GiB", "1.2.3", "5 TB", ".", "99999999999999999999", "9999999999999 GiB", "1 G i B", "ü"] {
            assert_eq!(read_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn an_amount_is_read_as_it_was_written() {
        for bytes in [0, 1, 1000, 1024, 5_000_000, 512 << 20, (1 << 30) + 1, u64::MAX] {
            assert_eq!(read_bytes(&write_bytes(bytes)), Some(bytes), "{bytes}");
        }
        assert_eq!((write_bytes(512 << 20).as_str(), write_bytes(1_500_000).as_str()), ("512 MiB", "1500 kB"));
    }

    #[test]
    fn each_limit_that_can_not_be_held_is_named() {
        let wrong = Limits { memory_bytes: Some(1000), cpu_percent: Some(0), processes: Some(0), open_files: Some(3) };
        let fields: Vec<_> = wrong.faults("/limits").into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["/limits/memory_bytes", "/limits/cpu_percent", "/limits/processes", "/limits/open_files"]);
        assert!(Limits::default().faults("").is_empty() && Limits::default().words().is_empty());
        let limits = Limits { memory_bytes: Some(64 << 20), processes: Some(20), ..Limits::default() };
        assert_eq!(limits.words(), "64 MiB of memory, 20 processes and threads");
        serde_json::from_str::<Limits>(r#"{"memory": 5}"#).expect_err("a misspelt limit would be no limit");
    }
}
