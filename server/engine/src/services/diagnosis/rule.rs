//! What a rule is.

use api::{Fix, ServiceId};

use super::facts::Facts;
use super::log::{Line, clean};

/// Characters of what a log says that are taken into a cause or an action.
const PART: usize = 120;

/// One rule: what tells it, how sure that is, and what mends it.
pub(in crate::services) struct Rule {
    /// In kebab case; stays the same for good.
    pub id: &'static str,
    /// How sure it is.
    pub weight: Weight,
    /// What it is about: of rules about the same only the surest speaks.
    pub topic: &'static str,
    /// What tells it.
    pub test: Test,
    /// Buttons that it always has.
    pub offers: &'static [Offer],
}

/// How sure a rule is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::services) enum Weight {
    /// No cause, but good to know beside one.
    Beside,
    /// Says only how it ended; told when nothing else is.
    Last,
    /// A general sign, which may have a more exact cause.
    Likely,
    /// A sign that has one meaning.
    Exact,
    /// Not read from a log, but known.
    Known,
}

/// What tells a rule.
pub(in crate::services) enum Test {
    /// A line of the log.
    Line(Says),
    /// Why the start failed.
    Start(Says),
    /// Anything that is known.
    Facts(fn(&Facts<'_>) -> Option<Finding>),
}

/// Text that tells a cause.
pub(in crate::services) struct Says {
    /// It contains one of these, which are in lower case.
    pub any: &'static [&'static str],
    /// And none of these.
    pub unless: &'static [&'static str],
    /// The first of these that matches says in its groups what `{}` and `{2}` are in the cause and the action.
    pub parts: &'static [&'static str],
    /// The cause, when a part was found or there is none to find.
    pub cause: &'static str,
    /// The cause without the part; empty when it is no cause without it.
    pub bare: &'static str,
    /// What mends it.
    pub action: &'static str,
}

/// A text that says nothing; rules say the rest.
pub(super) const SAYS: Says = Says { any: &[], unless: &[], parts: &[], cause: "", bare: "", action: "" };

/// A button that needs no more than the service.
#[derive(Clone, Copy, Debug)]
pub(in crate::services) enum Offer {
    /// Its log, around the end.
    Logs,
    /// Its settings.
    Settings,
    /// How its health is found out.
    Check,
    /// What it may use at most.
    Limits,
    /// What happened to it.
    Activity,
    /// Starting it again, or restarting it while it runs.
    Again,
}

/// For what is mended in the settings.
pub(super) const SETTINGS: &[Offer] = &[Offer::Settings, Offer::Logs];
/// For what a limit stops.
pub(super) const LIMITS: &[Offer] = &[Offer::Limits, Offer::Again, Offer::Logs];
/// For what is mended elsewhere, and then tried again.
pub(super) const AGAIN: &[Offer] = &[Offer::Again, Offer::Logs];
/// For what only its log tells more of.
pub(super) const LOGS: &[Offer] = &[Offer::Logs];

/// A cause that a rule has found.
#[derive(Debug, Default)]
pub(in crate::services) struct Finding {
    /// The cause in plain words.
    pub cause: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// What mends it, in words.
    pub action: String,
    /// Buttons before those of the rule.
    pub fixes: Vec<Fix>,
    /// The place of the line that shows it.
    pub line: Option<usize>,
}

impl Finding {
    /// A cause with what mends it.
    pub fn new(cause: impl Into<String>, action: impl Into<String>) -> Self {
        Self { cause: cause.into(), action: action.into(), ..Self::default() }
    }

    /// Shown by that line.
    pub fn by(mut self, line: Option<&Line<'_>>) -> Self {
        self.line = line.map(|line| line.at).or(self.line);
        self.evidence.extend(line.map(Line::shown));
        self
    }

    /// With one more button.
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }
}

impl Rule {
    /// A rule that a line of the log tells.
    pub(super) const fn line(id: &'static str, weight: Weight, topic: &'static str, offers: &'static [Offer], says: Says) -> Self {
        Self { id, weight, topic, test: Test::Line(says), offers }
    }

    /// A rule that the reason of a failed start tells.
    pub(super) const fn start(id: &'static str, weight: Weight, offers: &'static [Offer], says: Says) -> Self {
        Self { id, weight, topic: "start", test: Test::Start(says), offers }
    }

    /// A rule that needs more than one line.
    pub(super) const fn facts(
        id: &'static str,
        weight: Weight,
        topic: &'static str,
        offers: &'static [Offer],
        test: fn(&Facts<'_>) -> Option<Finding>,
    ) -> Self {
        Self { id, weight, topic, test: Test::Facts(test), offers }
    }

    /// The cause, if this is it.
    pub(super) fn find(&self, facts: &Facts<'_>) -> Option<Finding> {
        match &self.test {
            Test::Line(says) => facts.log.said().rev().find_map(|line| says.found(line)),
            Test::Start(says) => {
                let failure = [facts.start_failure()?.to_owned()];
                let log = super::log::Log::of(&failure);
                let found = log.said().find_map(|line| says.found(line));
                found.map(|found| Finding { line: None, ..found })
            }
            Test::Facts(test) => test(facts),
        }
    }
}

impl Says {
    fn found(&self, line: &Line<'_>) -> Option<Finding> {
        if !line.says(self.any) || line.says(self.unless) {
            return None;
        }
        let found = self.parts.iter().find_map(|pattern| line.parts(pattern));
        let cause = if found.is_some() || self.parts.is_empty() { self.cause } else { self.bare };
        let (first, second) = found.unwrap_or_default();
        let (first, second) = (first.map_or_else(|| "it".into(), part), second.map(part).unwrap_or_default());
        // In one pass, for what a log says may itself look like a place to fill.
        let fill = |text: &str| match text.split_once("{2}") {
            Some((before, after)) => before.replace("{}", &first) + &second + &after.replace("{}", &first),
            None => text.replace("{}", &first),
        };
        (!cause.is_empty()).then(|| Finding::new(fill(cause), fill(self.action)).by(Some(line)))
    }
}

/// What a log says, as part of a sentence.
pub(super) fn part(text: &str) -> String {
    let text = text.trim().trim_end_matches(['.', ':', ',']);
    let quoted = ['\'', '"', '`'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    clean(quoted.unwrap_or(text), PART)
}

impl Offer {
    /// The button.
    pub(super) fn fix(self, facts: &Facts<'_>) -> Fix {
        let service_id: ServiceId = facts.id;
        match self {
            // Lines that were written at the end may have been read a moment later.
            Offer::Logs => {
                let at = facts.ended.map(|ended| ended.at.plus_seconds(1));
                let label = if at.is_some() { "Its log up to the end" } else { "Its log" };
                Fix::Logs { label: label.into(), service_id, at }
            }
            Offer::Settings => Fix::Settings { label: "Its settings".into(), service_id },
            Offer::Check => Fix::HealthCheck { label: "Its health check".into(), service_id },
            Offer::Limits => Fix::Limits { label: "Its limits".into(), service_id },
            Offer::Activity => Fix::Activity { label: "What happened to it".into(), service_id },
            Offer::Again if facts.ended.is_some() => Fix::Start { label: "Start it again".into(), service_id },
            Offer::Again => Fix::Restart { label: "Restart it".into(), service_id },
        }
    }
}
