//! The log as it grows: what arrives is gathered, and shown some times a second unless the reader is elsewhere.

use api::{Limit, LogLine, LogQuery, Page, Resume, ServiceId, Timestamp, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::filter::{Filter, Matcher};
use super::lines::{Gap, Lines, Row};
use crate::live::{Frame, Incoming, use_feed_from};
use crate::rpc::get_logs;

/// Between two changes of what is shown.
const BEAT: std::time::Duration = std::time::Duration::from_millis(100);
/// The same while more lines come than anybody reads.
const BUSY_BEAT: std::time::Duration = std::time::Duration::from_millis(400);
/// Lines between two changes above which it is busy.
const BUSY: usize = 100;
/// Between two questions, when only the server can tell which lines are wanted.
const SLOW_BEAT: std::time::Duration = std::time::Duration::from_secs(2);
/// Lines that are loaded at once when older or missing ones are wanted.
const LOADED: u32 = 500;

/// The log as it grows.
#[derive(Clone, Copy)]
pub struct Tail {
    id: ServiceId,
    filter: StoredValue<Filter>,
    lines: StoredValue<Lines>,
    arrived: StoredValue<Vec<LogLine>>,
    is_due: StoredValue<bool>,
    is_busy: StoredValue<bool>,
    /// What is shown.
    pub rows: RwSignal<Vec<Row>>,
    /// How many lines wait to be shown.
    pub held: RwSignal<usize>,
    /// Whether the reader has stopped the log.
    pub is_paused: RwSignal<bool>,
    /// Whether the end of the log is in sight.
    pub is_at_end: RwSignal<bool>,
    /// Whether there are lines before those that are shown.
    pub has_older: RwSignal<bool>,
    /// Whether older lines are being loaded.
    pub is_loading: RwSignal<bool>,
}

impl Tail {
    /// Begins with `page`, shows at most `most` lines, and follows while the component lives when `filter` asks for the newest lines.
    pub fn new(id: ServiceId, filter: Filter, page: Page<LogLine>, most: Option<usize>) -> Self {
        let has_older = RwSignal::new(page.next_cursor.is_some());
        let lines = Lines::new(page.items, filter.is_all());
        let lines = most.map_or(lines.clone(), |most| lines.at_most(most));
        let tail = Self {
            id,
            rows: RwSignal::new(lines.rows().to_vec()),
            filter: StoredValue::new(filter.clone()),
            lines: StoredValue::new(lines),
            arrived: StoredValue::default(),
            is_due: StoredValue::new(false),
            is_busy: StoredValue::new(false),
            held: RwSignal::new(0),
            is_paused: RwSignal::new(false),
            is_at_end: RwSignal::new(true),
            has_older,
            is_loading: RwSignal::new(false),
        };
        if filter.is_live() {
            tail.follow(Matcher::new(&filter));
        }
        tail
    }

    fn follow(self, matcher: Matcher) {
        let matcher = std::rc::Rc::new(matcher);
        let resume = move || {
            let (is_all, last) = (self.filter.with_value(Filter::is_all), self.lines.with_value(Lines::last));
            Resume { since: is_all.then(|| last.unwrap_or(0)), epoch: None }
        };
        use_feed_from(
            move || Some(Topic::Logs(self.id)),
            resume,
            move |incoming| match incoming {
                Incoming::Frame(frame) => self.gather(frame, &matcher),
                Incoming::Reload => self.reload(),
                // Lines are numbered without gaps: the next one shows what is missing, and how much.
                Incoming::Missing(_) => {}
            },
        );
    }

    fn gather(self, frame: &Frame, matcher: &std::rc::Rc<Matcher>) {
        let Some(line) = frame.read::<LogLine>() else { return };
        self.arrived.update_value(|arrived| arrived.push(line));
        if self.is_due.get_value() {
            return;
        }
        self.is_due.set_value(true);
        let matcher = matcher.clone();
        set_timeout(move || self.sort_in(&matcher), if self.is_busy.get_value() { BUSY_BEAT } else { BEAT });
    }

    /// Sorts in what has arrived, and shows it unless the reader is elsewhere.
    fn sort_in(self, matcher: &Matcher) {
        // The page may be gone by now.
        let Some(arrived) = self.arrived.try_update_value(std::mem::take) else { return };
        self.is_due.set_value(false);
        self.is_busy.set_value(arrived.len() > BUSY);
        let mut is_for_server = false;
        self.lines.update_value(|lines| {
            for line in arrived {
                let wanted = matcher.wants(&line);
                is_for_server |= wanted.is_none();
                lines.arrive(line, wanted.unwrap_or(false));
            }
        });
        if is_for_server && !self.is_due.get_value() {
            self.is_due.set_value(true);
            set_timeout(
                move || {
                    self.is_due.try_set_value(false);
                    self.reload();
                },
                SLOW_BEAT,
            );
        }
        self.show();
    }

    /// Shows what has arrived unless the reader is elsewhere; then it waits.
    pub fn show(self) {
        if self.is_paused.get_untracked() || !self.is_at_end.get_untracked() {
            self.held.set(self.lines.with_value(Lines::held));
            return;
        }
        self.release();
    }

    /// Shows all that waits.
    pub fn release(self) {
        let was_full = self.lines.try_update_value(Lines::release).unwrap_or_default();
        if was_full {
            self.has_older.set(true);
        }
        if self.held.get_untracked() != 0 {
            self.held.set(0);
        }
        self.redraw();
    }

    fn redraw(self) {
        // An answer may come when the page has been left.
        let Some(rows) = self.lines.try_with_value(|lines| lines.rows().to_vec()) else { return };
        self.rows.set(rows);
    }

    /// Asks for the newest lines, when they don't come by themselves.
    fn reload(self) {
        let Some(filter) = self.filter.try_get_value() else { return };
        spawn_local(async move {
            // The connection chip says when Pilothouse doesn't answer.
            let Ok(page) = get_logs(self.id, filter.query()).await else { return };
            if self.lines.try_update_value(|lines| lines.catch_up(page.items, filter.is_all())).is_some() {
                self.show();
            }
        });
    }

    /// Loads lines before those that are shown.
    pub fn load_older(self) {
        let first = self.rows.with_untracked(|rows| rows.iter().find_map(|row| row.line().map(|line| line.ts)));
        let (Some(first), false) = (first, self.is_loading.get_untracked()) else { return };
        self.is_loading.set(true);
        let query = LogQuery { to: Some(after(first)), cursor: None, limit: loaded(LOADED), ..self.filter.with_value(Filter::query) };
        spawn_local(async move {
            let page = get_logs(self.id, query).await;
            self.is_loading.try_set(false);
            if let Ok(page) = page {
                self.has_older.try_set(page.next_cursor.is_some());
                self.lines.try_update_value(|lines| lines.prepend(page.items));
                self.redraw();
            }
        });
    }

    /// Loads lines that are missing.
    pub fn fill(self, gap: Gap) {
        let limit = loaded(u32::try_from(gap.missing).unwrap_or(u32::MAX).saturating_add(2).min(10_000));
        let query = LogQuery { from: gap.from, to: Some(after(gap.to)), cursor: None, limit, ..self.filter.with_value(Filter::query) };
        spawn_local(async move {
            if let Ok(page) = get_logs(self.id, query).await {
                self.lines.try_update_value(|lines| lines.fill(gap, page.items));
                self.redraw();
            }
        });
    }

    /// What is shown, as text.
    #[cfg(feature = "hydrate")]
    pub fn text(self) -> String {
        let line = |line: &LogLine| format!("{} {} {}\n", line.ts, line.level.as_str(), line.message);
        self.rows.with_untracked(|rows| rows.iter().filter_map(Row::line).map(|one| line(one)).collect())
    }
}

/// The moment after `at`, for a query that shall include it.
fn after(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.micros() + 1)
}

fn loaded(lines: u32) -> Limit<10_000> {
    Limit::new(lines).unwrap_or_default()
}
