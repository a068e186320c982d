//! Secrets that a command is told: by a variable, a file or standard input, never as arguments, which every user of the machine can see.

use std::fs;
use std::io::{BufRead, IsTerminal, Stdin, Write};
use std::path::Path;

use api::{Error, Result, Secret};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The secret of an environment variable, else a line of standard input. On a terminal it isn't shown while it is typed, and asked for twice when it `is_new`.
///
/// # Errors
/// `validation_failed` when it can't be read, or both aren't the same.
pub fn secret(variable: &str, what: &str, is_new: bool) -> Result<Secret> {
    if let Ok(text) = std::env::var(variable) {
        return Ok(Secret::new(text));
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        return line(&input);
    }
    let hidden = Hidden::begin(&input);
    let ask = |prompt: &str| {
        let _ = write!(std::io::stderr().lock(), "{prompt}: ");
        let secret = line(&input);
        let _ = writeln!(std::io::stderr().lock());
        secret
    };
    let secret = ask(what)?;
    let is_same = !is_new || ask(&format!("{what} once more"))? == secret;
    drop(hidden);
    if is_same { Ok(secret) } else { Err(Error::invalid("again", "that isn't the same; nothing was done")) }
}

/// The secret in a file, without the end of its line.
///
/// # Errors
/// `validation_failed` when that can't be read.
pub fn file(path: &Path) -> Result<Secret> {
    let text = fs::read_to_string(path).map_err(|error| Error::invalid("file", format!("{} can't be read: {error}", path.display())))?;
    Ok(of_line(text))
}

fn line(input: &Stdin) -> Result<Secret> {
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    read.map_err(|error| Error::invalid("input", format!("standard input can't be read: {error}")))?;
    Ok(of_line(line))
}

fn of_line(text: String) -> Secret {
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    Secret::new(line.unwrap_or(&text))
}

/// A terminal that doesn't show what is typed.
struct Hidden<'i> {
    input: &'i Stdin,
    before: Option<Termios>,
}

impl<'i> Hidden<'i> {
    fn begin(input: &'i Stdin) -> Self {
        let before = tcgetattr(input).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(input, OptionalActions::Flush, &modes);
        }
        Self { input, before }
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(self.input, OptionalActions::Flush, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{file, of_line};

    #[test]
    fn a_secret_is_a_line_without_its_end() {
        for (text, expected) in [("a b ", "a b "), ("a\n", "a"), ("a\r\n", "a"), ("a\nb\n", "a\nb"), ("", ""), ("a\r", "a\r")] {
            assert_eq!(of_line(text.into()).reveal(), expected, "{text:?}");
        }
        assert!(file("/nowhere/at-all".as_ref()).unwrap_err().message.contains("/nowhere/at-all"));
    }
}
