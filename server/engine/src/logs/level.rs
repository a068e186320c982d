//! How grave a line is, recognised from its text as it comes in.

use api::{Level, LogStream};

use super::text::strip_ansi;

/// How much of a line is looked at.
const LOOKED_AT: usize = 4096;
/// How far into a plain line a level may stand.
const HEAD: usize = 120;

/// Recognises the levels of the lines of one service, one after the other: the lines of a traceback have the level of their head.
#[derive(Clone, Debug, Default)]
pub struct Classifier {
    traces: [Trace; 2],
}

/// Where in a Python traceback a stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trace {
    #[default]
    None,
    /// Among its frames.
    Frames,
    /// After the exception: another one may follow it.
    Exception,
}

impl Classifier {
    /// The level of the next line of `stream`; INFO when it says nothing.
    pub fn level(&mut self, stream: LogStream, line: &[u8]) -> Level {
        let line = &line[..line.len().min(LOOKED_AT)];
        let line = strip_ansi(line);
        let line = &*line;
        let trace = &mut self.traces[usize::from(stream == LogStream::Stderr)];
        if line.trim_ascii_start().starts_with(b"Traceback (most recent call last)") {
            *trace = Trace::Frames;
            return Level::Error;
        }
        if *trace == Trace::None {
            return said(line).unwrap_or(Level::Info);
        }
        let continues = line.is_empty() || line[0].is_ascii_whitespace() || line.starts_with(b"During handling of the above exception");
        if continues || line.starts_with(b"The above exception was the direct cause") {
            return Level::Error;
        }
        if *trace == Trace::Frames && is_exception(line) {
            *trace = Trace::Exception;
            return Level::Error;
        }
        *trace = Trace::None;
        said(line).unwrap_or(Level::Info)
    }
}

/// `ValueError: ..`, `package.module.Failure`.
fn is_exception(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    !name.is_empty() && name.iter().all(is_name) && Level::named(&String::from_utf8_lossy(name)).is_none()
}

/// The level that a line names.
fn said(line: &[u8]) -> Option<Level> {
    let line = line.trim_ascii_start();
    if line.first() == Some(&b'{') {
        return json(line);
    }
    let head = &line[..line.len().min(HEAD)];
    first_word(head).or_else(|| bracketed(head)).or_else(|| logfmt(line)).or_else(|| capitals(head))
}

/// `"level": "error"`, also `severity`, `levelname`, `lvl`, and the numbers of pino and bunyan.
fn json(line: &[u8]) -> Option<Level> {
    [&b"\"level\""[..], b"\"severity\"", b"\"levelname\"", b"\"log.level\"", b"\"lvl\""].into_iter().find_map(|key| {
        let rest = &line[find(line, key)? + key.len()..];
        let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        match rest.strip_prefix(b"\"") {
            Some(text) => named(text.split(|byte| *byte == b'"').next()?),
            None => numbered(rest),
        }
    })
}

fn numbered(text: &[u8]) -> Option<Level> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some(match std::str::from_utf8(&text[..digits]).ok()?.parse::<u32>().ok()? {
        60.. => Level::Critical,
        50..=59 => Level::Error,
        40..=49 => Level::Warning,
        30..=39 => Level::Info,
        10..=29 => Level::Debug,
        _ => return None,
    })
}

/// `INFO:     uvicorn`, `error: ..`.
fn first_word(line: &[u8]) -> Option<Level> {
    let end = line.iter().position(|byte| !byte.is_ascii_alphabetic())?;
    (line[end] == b':').then(|| named(&line[..end])).flatten()
}

/// `[error]`, `[ERROR   ]`.
fn bracketed(line: &[u8]) -> Option<Level> {
    line.split(|byte| *byte == b'[').skip(1).find_map(|rest| named(rest.split(|byte| *byte == b']').next()?.trim_ascii()))
}

/// `level=error`, `lvl=error`, `severity="error"`.
fn logfmt(line: &[u8]) -> Option<Level> {
    line.split(|byte| *byte == b' ').find_map(|pair| {
        let value = pair.strip_prefix(b"level=").or_else(|| pair.strip_prefix(b"lvl=")).or_else(|| pair.strip_prefix(b"severity="))?;
        named(value.trim_ascii_end().strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value.trim_ascii_end()))
    })
}

/// `2026-01-01 10:00:00,123 - name - ERROR - ..`: the first word in capitals that is a level.
fn capitals(line: &[u8]) -> Option<Level> {
    line.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'/' && *byte != b'_')
        .filter(|word| (4..=8).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase))
        .find_map(named)
}

fn named(text: &[u8]) -> Option<Level> {
    if text.len() > 12 {
        return None;
    }
    Level::named(std::str::from_utf8(text).ok()?)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use api::{Level, LogStream};

    use super::Classifier;

    #[test]
    fn levels_are_recognised_in_the_forms_that_services_use() {
        for (line, level) in [
            ("INFO:     Started server process [1234]", Level::Info),
            ("\x1b[31mERROR\x1b[0m:    Exception in ASGI application", Level::Error),
            ("WARNING:  Invalid HTTP request received.", Level::Warning),
            ("CRITICAL:root:out of memory", Level::Critical),
            ("2026-01-31 10:00:00,123 - app.orders - ERROR - no stock", Level::Error),
            ("2026-01-31 10:00:00.123 | DEBUG    | __main__:<module>:3 - hello", Level::Debug),
            (r#"{"level": "warning", "msg": "slow"}"#, Level::Warning),
            (r#"{"severity":"ERROR","message":"broken"}"#, Level::Error),
            (r#"{"levelname":"CRITICAL","message":"x"}"#, Level::Critical),
            (r#"{"level":50,"msg":"pino"}"#, Level::Error),
            (r#"time=2026-01-31T10:00:00Z level=warn msg="slow""#, Level::Warning),
            ("[error] cannot open file", Level::Error),
            ("2026/01/31 10:00:00 [warn] 12#12: upstream is slow", Level::Warning),
            ("[2026-01-31 10:00:00 +0000] [7] [INFO] Booting worker", Level::Info),
            ("error: could not compile", Level::Error),
            (r#"INFO:     127.0.0.1:5000 - "GET /ERROR HTTP/1.1" 200 OK"#, Level::Info),
            (r#"127.0.0.1 - "GET /ERROR HTTP/1.1" 200 OK"#, Level::Info),
            ("no errors were found", Level::Info),
            ("", Level::Info),
        ] {
            assert_eq!(Classifier::default().level(LogStream::Stdout, line.as_bytes()), level, "{line}");
        }
    }

    #[test]
    fn a_traceback_has_the_level_of_an_error_to_its_end() {
        let text = "INFO:     ok\nTraceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n    run()\nKeyError: 'x'\n\n\
            During handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\"\n\
            app.Failure: it broke\nINFO:     ok\nplain";
        let mut classifier = Classifier::default();
        let levels: Vec<_> = text.lines().map(|line| classifier.level(LogStream::Stderr, line.as_bytes())).collect();
        let expected: Vec<_> = (0..13).map(|n| if matches!(n, 0 | 11 | 12) { Level::Info } else { Level::Error }).collect();
        assert_eq!(levels, expected);
    }

    #[test]
    fn streams_do_not_disturb_one_another() {
        let mut classifier = Classifier::default();
        classifier.level(LogStream::Stderr, b"Traceback (most recent call last):");
        assert_eq!(classifier.level(LogStream::Stdout, b"  indented"), Level::Info);
        assert_eq!(classifier.level(LogStream::Stderr, b"  File \"x\""), Level::Error);
    }
}
