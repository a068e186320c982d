//! One row of a log.

use std::sync::Arc;

use api::{Level, LogLine, LogStream, ServiceId};
use leptos::prelude::*;

use super::filter::Filter;
use super::lines::{Gap, Row};
use crate::erase::Erase;
use crate::path;

/// A line: when, how grave, what; or what is missing. Lines are rendered once; `offset` moves their times to local time.
#[component]
pub fn LogRow(
    /// The row.
    row: Row,
    /// The service, for the link to the line.
    id: ServiceId,
    /// Seconds that local time is ahead of UTC.
    offset: Signal<i64>,
    /// The line to be pointed out.
    #[prop(optional_no_strip)]
    marked: Option<u64>,
    /// Loads what is missing.
    #[prop(optional_no_strip)]
    fill: Option<Callback<Gap>>,
) -> impl IntoView {
    match row {
        Row::Line(line) => {
            let is_marked = marked == Some(line.seq);
            view! { <Line line id offset is_marked /> }.erase()
        }
        Row::Gap(gap) => view! { <GapRow gap fill /> }.erase(),
    }
}

#[component]
fn Line(line: Arc<LogLine>, id: ServiceId, offset: Signal<i64>, is_marked: bool) -> impl IntoView {
    let (level, stream, at) = (line.level, line.stream, line.ts);
    let fields = line.fields.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>().join(" ");
    view! {
        <li class="log-line" data-level=level.as_str() data-stream=stream.as_str() aria-current=is_marked.then_some("true")>
            <a class="log-time" href=Filter::line_href(&path::service_tab(id, "logs"), &line)>
                <time datetime=at.to_string()>{move || clock(at, offset.get())}</time>
            </a>
            <span class="log-level">{short(level)}</span>
            <span class="log-text">
                {source(stream).map(|source| view! { <span class="log-source">{source}</span> })}
                {without_escapes(&line.message)}
                {(!fields.is_empty()).then(|| view! { <span class="log-fields">{fields}</span> })}
            </span>
        </li>
    }
    .erase()
}

#[component]
fn GapRow(gap: Gap, fill: Option<Callback<Gap>>) -> impl IntoView {
    let text = if gap.missing == 1 { "1 line is not shown here".to_owned() } else { format!("{} lines are not shown here", gap.missing) };
    view! {
        <li class="log-gap">
            {text} {fill.map(|fill| view! { <button type="button" class="button" on:click=move |_| fill.run(gap)>"Load them"</button> })}
        </li>
    }
    .erase()
}

/// The time of day to the millisecond.
fn clock(at: api::Timestamp, offset: i64) -> String {
    let Some(local) = at.plus_seconds(offset).utc() else { return at.to_string() };
    format!("{:02}:{:02}:{:02}.{:03}", local.hour(), local.minute(), local.second(), local.microsecond() / 1000)
}

const fn short(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warn",
        Level::Error => "error",
        Level::Critical => "crit",
    }
}

/// Where a line came from, unless it is from the service itself.
const fn source(stream: LogStream) -> Option<&'static str> {
    match stream {
        LogStream::Stdout | LogStream::Stderr => None,
        LogStream::Prepare => Some("preparation"),
        LogStream::Pilothouse => Some("Pilothouse"),
    }
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The text without the escape sequences that colour it on a terminal.
fn without_escapes(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('\u{1b}') {
        clean.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        rest = match after.strip_prefix('[') {
            Some(inside) => inside.find(|c: char| ('@'..='~').contains(&c)).map_or("", |end| &inside[end + 1..]),
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::{clock, without_escapes};

    #[test]
    fn colours_of_a_terminal_are_left_out() {
        assert_eq!(without_escapes("\u{1b}[32mINFO\u{1b}[0m: ok"), "INFO: ok");
        assert_eq!(without_escapes("torn \u{1b}[3"), "torn ");
        assert_eq!(without_escapes("plain ü"), "plain ü");
    }

    #[test]
    fn a_time_is_local_and_exact_to_the_millisecond() {
        assert_eq!(clock("2026-11-23T23:59:59.123456Z".parse().unwrap(), 3_600), "00:59:59.123");
    }
}
