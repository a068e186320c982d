//! What the command prints.

use std::io::{IsTerminal, Write};

use api::{Error, RestoreReport, Result};

/// Prints a line; a reader that has left is no failure.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{}", plain(text));
}

/// Says something beside what is printed.
pub fn aside(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "pilothouse: {}", plain(text));
}

/// Prints a report for programs.
pub fn json(report: &RestoreReport) -> Result<()> {
    line(&serde_json::to_string(report).map_err(|_| Error::internal())?);
    Ok(())
}

/// Prints a report for people.
pub fn report(report: &RestoreReport) {
    lines(report).iter().for_each(|text| line(text));
}

fn lines(report: &RestoreReport) -> Vec<String> {
    let mut lines = vec![format!("The backup was made by {} at {}.", report.made_by, report.made_at)];
    let names = report.services.iter().map(|one| one.name.chars().count());
    let width = names.chain(report.secrets.iter().map(|one| one.name.chars().count())).max().unwrap_or_default();
    lines.extend(report.services.iter().map(|one| format!("service {:width$}  {}", one.name, one.words())));
    lines.extend(report.secrets.iter().map(|one| format!("secret  {:width$}  {}", one.name, one.outcome.label())));
    let changed = report.services.iter().filter(|one| one.is_changed()).count();
    let left_out = report.services.iter().filter(|one| one.is_left_out()).count();
    let same = report.services.len() - changed - left_out;
    let (changes, stays, is) = match report.dry_run {
        true => ("would change", "would stay", "would be"),
        false => ("have changed", "stayed", "were"),
    };
    let end = if report.dry_run { " Nothing was done." } else { "" };
    lines.push(format!("{changed} configurations {changes}, {same} {stays} as they are, {left_out} {is} left out.{end}"));
    lines
}

/// Nothing that others have named tells a terminal something.
fn plain(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_control()).collect()
}

/// How far it is, on a terminal; nothing anywhere else, where it would only fill a log.
pub struct Progress {
    what: &'static str,
    is_shown: bool,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn of(what: &'static str) -> Self {
        Self { what, is_shown: std::io::stderr().is_terminal() }
    }

    /// Shows it in the place of what was shown.
    pub fn show(&self, done: usize, all: usize) {
        if self.is_shown {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K{} {done} of {all} services", self.what);
        }
    }
}

impl Drop for Progress {
    /// Leaves the line to what comes then.
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use api::{RestoreReport, RestoredSecret, RestoredSecretOutcome, RestoredService};

    use super::{lines, plain};

    #[test]
    fn a_report_says_what_becomes_of_each_and_counts() {
        let one = |name: &str| RestoredService { name: name.into(), ..RestoredService::default() };
        let services = vec![
            RestoredService { added: 3, saved: Some(4), ..one("orders") },
            RestoredService { present: 2, ..one("pay") },
            RestoredService { problem: Some("why".into()), ..one("gone") },
        ];
        let secrets = vec![RestoredSecret { name: "db".into(), outcome: RestoredSecretOutcome::Kept }];
        let made_at = api::Timestamp::from_micros(0);
        let report = RestoreReport { made_at, made_by: "ann".into(), dry_run: true, services, secrets };
        let expected = [
            "The backup was made by ann at 1970-01-01T00:00:00.000000Z.",
            "service orders  the newest is version 4 here, 3 come back",
            "service pay     2 there already",
            "service gone    Left out: why",
            "secret  db      keeps the other value that it has here",
            "1 configurations would change, 1 would stay as they are, 1 would be left out. Nothing was done.",
        ];
        assert_eq!(lines(&report), expected);
        let done = lines(&RestoreReport { dry_run: false, ..report });
        assert_eq!(done.last().map(String::as_str), Some("1 configurations have changed, 1 stayed as they are, 1 were left out."));
        assert_eq!(plain("a\u{1b}[2Jb"), "a[2Jb");
    }
}
