//! Which lines are wanted, as the address says.

use api::{Level, Limit, LogLine, LogQuery, Timestamp};
use leptos_router::params::ParamsMap;

use crate::path;

/// Lines of a page.
const PAGE: u32 = 200;

/// Which lines are wanted, as the address says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Only lines at least this grave.
    pub level: Option<Level>,
    /// Only lines with this text.
    pub q: String,
    /// Whether `q` is a regular expression.
    pub regex: bool,
    /// Goes on from an older page.
    pub cursor: Option<String>,
    /// The line to jump to, with its time: the page ends with it.
    pub line: Option<(u64, Timestamp)>,
}

impl Filter {
    /// What the query of the address says; what can't be read is left out.
    pub fn of(query: &ParamsMap) -> Self {
        let text = |name| query.get_str(name).filter(|text| !text.is_empty());
        let number = |name| text(name).and_then(|text| text.parse::<u64>().ok());
        let at = number("at").and_then(|at| i64::try_from(at).ok()).map(Timestamp::from_micros);
        Self {
            level: text("level").and_then(Level::named),
            q: text("q").unwrap_or_default().into(),
            regex: text("regex").is_some(),
            cursor: text("cursor").map(Into::into),
            line: number("seq").zip(at),
        }
    }

    /// What to ask the server for.
    pub fn query(&self) -> LogQuery {
        let after = |(_, at): (u64, Timestamp)| Timestamp::from_micros(at.micros() + 1);
        LogQuery {
            limit: Limit::new(PAGE).unwrap_or_default(),
            cursor: self.cursor.clone(),
            level: self.level,
            q: (!self.q.is_empty()).then(|| self.q.clone()),
            regex: self.regex && !self.q.is_empty(),
            from: None,
            to: self.line.map(after),
        }
    }

    /// Whether the newest lines are wanted, so that more come.
    pub fn is_live(&self) -> bool {
        self.cursor.is_none() && self.line.is_none()
    }

    /// Whether every line is wanted.
    pub fn is_all(&self) -> bool {
        self.level.is_none() && self.q.is_empty()
    }

    /// The address of the same lines at `base`, with more parameters: `cursor=..`.
    pub fn href(&self, base: &str, more: &str) -> String {
        let level = self.level.map(|level| format!("level={}", level.as_str()));
        let q = (!self.q.is_empty()).then(|| format!("q={}", path::escape(&self.q)));
        let regex = (self.regex && !self.q.is_empty()).then(|| "regex=true".to_owned());
        let more = (!more.is_empty()).then(|| more.to_owned());
        let query = [level, q, regex, more].into_iter().flatten().collect::<Vec<_>>().join("&");
        if query.is_empty() { base.to_owned() } else { format!("{base}?{query}") }
    }

    /// The address of one line at `base`.
    pub fn line_href(base: &str, line: &LogLine) -> String {
        format!("{base}?seq={}&at={}", line.seq, line.ts.micros())
    }
}

/// Tells which of the lines that arrive are wanted, as the server would.
pub enum Matcher {
    /// Those of a level that contain a text, given in lower case.
    Text(Option<Level>, String),
    /// Those of a level that match a regular expression.
    #[cfg(feature = "hydrate")]
    Regex(Option<Level>, web_sys::js_sys::RegExp),
    /// The browser doesn't understand the expression: only the server can tell.
    #[cfg(feature = "hydrate")]
    Server,
}

impl Matcher {
    /// The matcher of a filter.
    pub fn new(filter: &Filter) -> Self {
        #[cfg(feature = "hydrate")]
        if filter.regex && !filter.q.is_empty() {
            let (flags, pattern) = filter.q.strip_prefix("(?i)").map_or(("u", filter.q.as_str()), |rest| ("iu", rest));
            return match compile(pattern, flags) {
                Some(regex) => Matcher::Regex(filter.level, regex),
                None => Matcher::Server,
            };
        }
        Matcher::Text(filter.level, filter.q.to_lowercase())
    }

    /// Whether the line is wanted; none when only the server can tell.
    pub fn wants(&self, line: &LogLine) -> Option<bool> {
        let is_grave = |level: &Option<Level>| level.is_none_or(|level| line.level >= level);
        match self {
            Matcher::Text(level, text) => Some(is_grave(level) && (text.is_empty() || line.message.to_lowercase().contains(text))),
            #[cfg(feature = "hydrate")]
            Matcher::Regex(level, regex) => Some(is_grave(level) && regex.test(&line.message)),
            #[cfg(feature = "hydrate")]
            Matcher::Server => None,
        }
    }
}

/// The expression in the browser's own syntax, if it is one.
#[cfg(feature = "hydrate")]
fn compile(pattern: &str, flags: &str) -> Option<web_sys::js_sys::RegExp> {
    use wasm_bindgen::{JsCast, JsValue};
    // Made by `Reflect`, for the plain constructor throws at what it doesn't understand.
    let constructor = web_sys::js_sys::Reflect::get(&web_sys::js_sys::global(), &"RegExp".into()).ok()?;
    let constructor: &web_sys::js_sys::Function = constructor.unchecked_ref();
    let arguments = web_sys::js_sys::Array::of2(&JsValue::from_str(pattern), &JsValue::from_str(flags));
    web_sys::js_sys::Reflect::construct(constructor, &arguments).ok()?.dyn_into().ok()
}

#[cfg(test)]
mod tests {
    use api::{Level, LogLine, LogStream, Timestamp};
    use leptos_router::params::ParamsMap;

    use super::{Filter, Matcher};

    fn filter(query: &[(&'static str, &str)]) -> Filter {
        Filter::of(&query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<ParamsMap>())
    }

    #[test]
    fn the_address_says_which_lines_and_reads_back() {
        let wanted = filter(&[("level", "warn"), ("q", "a b&c"), ("regex", "true")]);
        assert_eq!(wanted.query().level, Some(Level::Warning));
        assert!(wanted.query().regex && wanted.is_live() && !wanted.is_all());
        assert_eq!(wanted.href("/x", "cursor=7"), "/x?level=WARNING&q=a%20b%26c&regex=true&cursor=7");
        assert!(filter(&[("level", "loud"), ("q", ""), ("seq", "x")]).is_all());
        assert!(!filter(&[("seq", "5"), ("at", "1000")]).is_live());
    }

    #[test]
    fn what_arrives_is_matched_as_the_server_would() {
        let line = |level, message: &str| LogLine {
            seq: 1,
            ts: Timestamp::default(),
            level,
            stream: LogStream::Stdout,
            message: message.into(),
            fields: Default::default(),
        };
        let matcher = Matcher::new(&filter(&[("level", "WARNING"), ("q", "Pool")]));
        assert_eq!(matcher.wants(&line(Level::Error, "the pool is empty")), Some(true));
        assert_eq!(matcher.wants(&line(Level::Info, "the pool is empty")), Some(false));
        assert_eq!(matcher.wants(&line(Level::Error, "nothing")), Some(false));
    }
}
