//! Steps: what a command does, one headline each, with the time it took.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
