//! Steps: what a command does, one headline each, with the time it took.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::place;

/// Lines of a command that failed that are repeated at the end.
const LAST_LINES: usize = 30;

/// What a command of xtask ends with: nothing, or a sentence that says what is wrong and what to do.
pub type Result<T = ()> = std::result::Result<T, String>;

/// The steps taken so far, in order.
#[derive(Default)]
pub struct Steps {
    taken: RefCell<Vec<(String, Duration)>>,
}

impl Steps {
    /// Prints a headline, does the step, and prints how long it took.
    pub fn take<T>(&self, headline: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("\n==> {headline}");
        let start = Instant::now();
        let result = step();
        let took = start.elapsed();
        eprintln!("    {headline}: {} {}", if result.is_ok() { "done in" } else { "failed after" }, seconds(took));
        self.taken.borrow_mut().push((headline.to_owned(), took));
        result
    }

    /// Prints the time of every step.
    pub fn summary(&self) {
        let taken = self.taken.borrow();
        eprintln!("\nTime of each step:");
        for (headline, took) in taken.iter() {
            eprintln!("{:>9}  {headline}", seconds(*took));
        }
    }
}

/// Runs a command to its end; fails when it fails.
pub fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", shown(command))) }
}

/// [`run`] for a command that builds something and leaves nothing running.
///
/// Where nobody watches, its last words are in the failure too, because they are often far from the end of what was printed, and so is what the
/// machine had left. A compiler that a signal has ended, as the kernel does where memory runs out, says nothing of the code: it is tried once
/// more then, one crate at a time.
pub fn build(command: &mut Command) -> Result {
    if std::io::stderr().is_terminal() {
        return run(command);
    }
    let (mut status, mut last) = heard(command)?;
    if !status.success() && last.iter().any(|line| line.contains("(signal: ")) {
        eprintln!("\nA signal has ended a compiler; the machine has {} left. Once more, one crate at a time.", left());
        (status, last) = heard(command.env("CARGO_BUILD_JOBS", "1"))?;
    }
    if status.success() {
        return Ok(());
    }
    let said = Vec::from(last).join("\n");
    Err(format!("`{}` ended with {status}; the machine has {} left. It said at last:\n{said}", shown(command), left()))
}

/// Runs a command, shows its error output and answers how it ended, with the last lines of that.
fn heard(command: &mut Command) -> Result<(ExitStatus, VecDeque<String>)> {
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    let mut last = VecDeque::new();
    if let Some(stderr) = child.stderr.take() {
        for text in BufReader::new(stderr).split(b'\n') {
            let text = text.map_err(|error| format!("can't read the output of `{}`: {error}", shown(command)))?;
            let text = String::from_utf8_lossy(&text).into_owned();
            eprintln!("{text}");
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(text);
        }
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    Ok((status, last))
}

/// Memory and disk that are free, in words.
fn left() -> String {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let disk = output(Command::new("df").args(["--output=avail", "-k"]).arg(place::root())).unwrap_or_default();
    let disk = disk.lines().last().and_then(|line| line.trim().parse::<u64>().ok());
    let megabytes =
        |kilobytes: Option<u64>| kilobytes.map_or("an unknown amount".to_owned(), |kilobytes| format!("{} MB", kilobytes / 1024));
    format!("{} of memory and {} of disk", megabytes(memory), megabytes(disk))
}

/// Runs a command and returns what it printed; fails with its error output when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` ended with {}: {}", shown(command), output.status, said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command, shows its output and hands each line of it to `line`; returns whether it succeeded.
pub fn watch(command: &mut Command, mut line: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        for text in BufReader::new(stdout).split(b'\n') {
            let text = text.map_err(|error| format!("can't read the output of `{}`: {error}", shown(command)))?;
            let text = String::from_utf8_lossy(&text);
            println!("{text}");
            line(&text);
        }
    }
    Ok(child.wait().map_err(|error| not_started(command, &error))?.success())
}

/// Runs a command whose output is shown later; returns whether it succeeded, and what it said.
pub fn gathered(command: &mut Command) -> Result<(bool, String)> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    let said = [output.stderr, output.stdout].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    Ok((output.status.success(), said))
}

/// Whether a command can be started and succeeds; its output is not shown.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A command as a person would type it, without its environment.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("can't start `{}`: {error}", shown(command))
}

fn seconds(took: Duration) -> String {
    match took.as_secs() {
        0..60 => format!("{:.1} s", took.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{build, heard};

    #[test]
    fn a_build_that_fails_says_why_at_the_end() {
        // Tests have no terminal, unless somebody runs them in one.
        let mut command = Command::new("sh");
        command.args(["-c", "for n in $(seq 50); do echo line $n >&2; done; exit 3"]);
        let (status, last) = heard(&mut command).unwrap();
        assert_eq!((status.code(), last.len(), last.back().map(String::as_str)), (Some(3), 30, Some("line 50")));
        let mut killed = Command::new("sh");
        killed.args(["-c", "test -z \"$CARGO_BUILD_JOBS\" && echo 'rustc (signal: 9, SIGKILL)' >&2 && exit 101; exit 0"]);
        let retried = build(&mut killed);
        assert!(retried.is_ok() || std::io::IsTerminal::is_terminal(&std::io::stderr()), "{retried:?}");
    }
}
