//! Environment markers (`sys_platform == 'win32' and python_full_version < '3.12'`), as dependency specifiers and `uv.lock` have them.
//!
//! Source: the grammar of <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>. Only the release of a version counts, so
//! 3.14.0rc1 is 3.14.0: of `< '3.14'` and `>= '3.14'` always one holds, and of the forks of a lock one is taken.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Parentheses in each other; more can't be understood.
const DEPTH: usize = 50;
/// What is compared as a version; all else is compared as text.
const VERSIONS: [&str; 3] = ["python_version", "python_full_version", "implementation_version"];

/// What markers are asked of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The variables of the interpreter, as it says them itself.
    pub interpreter: &'a BTreeMap<String, String>,
    /// The project whose lock it is: of what a lock says of conflicting extras, groups and projects, only this project is chosen.
    pub project: &'a str,
}

impl Asked<'_> {
    /// Whether `marker` holds. Fails, with words for people, when it can't be understood.
    pub fn holds(&self, marker: &str) -> Result<bool, String> {
        let understood = words(marker).and_then(|words| {
            let mut reader = Reader { words: words.into_iter().peekable(), asked: self };
            let holds = reader.any(0)?;
            reader.words.next().is_none().then_some(holds)
        });
        understood.ok_or_else(|| format!("its marker \"{marker}\" can't be understood"))
    }

    fn compares(&self, left: &Word, sign: &str, right: &Word) -> Option<bool> {
        let (name, text, is_turned) = match (left, right) {
            (Word::Name(name), Word::Text(text)) => (*name, *text, false),
            (Word::Text(text), Word::Name(name)) => (*name, *text, true),
            _ => return None,
        };
        if name == "extra" {
            let is_chosen = text == format!("project-{}-{}", self.project.len(), self.project);
            return match sign {
                "==" => Some(is_chosen),
                "!=" => Some(!is_chosen),
                _ => None,
            };
        }
        let value = self.interpreter.get(name)?.as_str();
        match (sign, is_turned) {
            ("in", false) if VERSIONS.contains(&name) => is_one_of(value, text),
            ("not in", false) if VERSIONS.contains(&name) => Some(!is_one_of(value, text)?),
            ("in", false) => Some(text.contains(value)),
            ("in", true) => Some(value.contains(text)),
            ("not in", false) => Some(!text.contains(value)),
            ("not in", true) => Some(!value.contains(text)),
            _ if VERSIONS.contains(&name) => fits_one(value, if is_turned { turned(sign) } else { sign }, text),
            _ => fits_text(value.cmp(text), if is_turned { turned(sign) } else { sign }),
        }
    }
}

/// Whether `version` is one of those that `specifiers` (`>=3.10, !=3.11.*`) allow; none when these can't be understood.
pub(super) fn fits(version: &str, specifiers: &str) -> Option<bool> {
    let all = specifiers.split(',').map(str::trim).filter(|one| !one.is_empty());
    let all = all.map(|one| {
        let sign = one.find(|c: char| !"<>=!~".contains(c))?;
        fits_one(version, one.get(..sign)?, one.get(sign..)?.trim())
    });
    all.collect::<Option<Vec<bool>>>().map(|all| all.into_iter().all(|fits| fits))
}

fn fits_one(version: &str, sign: &str, text: &str) -> Option<bool> {
    let ours = release(version)?;
    let (text, is_prefix) = text.strip_suffix(".*").map_or((text, false), |text| (text, true));
    let theirs = release(text)?;
    let begins = |length: usize| compared(&ours, &theirs, length) == Ordering::Equal;
    let ordering = compared(&ours, &theirs, ours.len().max(theirs.len()));
    match (sign, is_prefix) {
        ("==", true) => Some(begins(theirs.len())),
        ("!=", true) => Some(!begins(theirs.len())),
        ("~=", false) if theirs.len() > 1 => Some(ordering.is_ge() && begins(theirs.len() - 1)),
        ("~=", _) | (_, true) => None,
        (sign, false) => fits_text(ordering, sign),
    }
}

fn fits_text(ordering: Ordering, sign: &str) -> Option<bool> {
    match sign {
        "==" | "===" => Some(ordering.is_eq()),
        "!=" => Some(ordering.is_ne()),
        "<" => Some(ordering.is_lt()),
        "<=" => Some(ordering.is_le()),
        ">" => Some(ordering.is_gt()),
        ">=" => Some(ordering.is_ge()),
        _ => None,
    }
}

fn is_one_of(version: &str, list: &str) -> Option<bool> {
    let all = list.split([' ', ',', '|']).filter(|one| !one.is_empty()).map(|one| fits_one(version, "==", one));
    all.collect::<Option<Vec<bool>>>().map(|all| all.into_iter().any(|is_it| is_it))
}

/// The numbers of a version, without what makes it an early or a local one.
fn release(text: &str) -> Option<Vec<u64>> {
    let numbers = text.find(|c: char| !c.is_ascii_digit() && c != '.').map_or(text, |end| &text[..end]);
    numbers.trim_end_matches('.').split('.').map(|number| number.parse().ok()).collect()
}

fn compared(ours: &[u64], theirs: &[u64], length: usize) -> Ordering {
    let number = |all: &[u64], at: usize| all.get(at).copied().unwrap_or(0);
    (0..length).map(|at| number(ours, at).cmp(&number(theirs, at))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn turned(sign: &str) -> &str {
    match sign {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        "~=" => "",
        same => same,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Open,
    Close,
    Sign(&'a str),
    Name(&'a str),
    Text(&'a str),
}

/// None when there is something that no marker has.
fn words(marker: &str) -> Option<Vec<Word<'_>>> {
    let (mut rest, mut words) = (marker.trim_start(), Vec::new());
    while let Some(first) = rest.chars().next() {
        let (word, length) = match first {
            '(' => (Word::Open, 1),
            ')' => (Word::Close, 1),
            '\'' | '"' => {
                let text = rest[1..].split_once(first)?.0;
                (Word::Text(text), text.len() + 2)
            }
            _ => {
                let is_sign = "<>=!~".contains(first);
                let goes_on = |c: char| if is_sign { "<>=!~".contains(c) } else { c.is_ascii_alphanumeric() || c == '_' };
                let word = &rest[..rest.find(|c| !goes_on(c)).unwrap_or(rest.len())];
                let word = (!word.is_empty()).then_some(word)?;
                (if is_sign { Word::Sign(word) } else { Word::Name(word) }, word.len())
            }
        };
        words.push(word);
        rest = rest[length..].trim_start();
    }
    Some(words)
}

struct Reader<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<Word<'a>>>,
    asked: &'a Asked<'a>,
}

impl Reader<'_> {
    fn any(&mut self, depth: usize) -> Option<bool> {
        let mut holds = self.all(depth)?;
        while self.words.next_if_eq(&Word::Name("or")).is_some() {
            holds |= self.all(depth)?;
        }
        Some(holds)
    }

    fn all(&mut self, depth: usize) -> Option<bool> {
        let mut holds = self.one(depth)?;
        while self.words.next_if_eq(&Word::Name("and")).is_some() {
            holds &= self.one(depth)?;
        }
        Some(holds)
    }

    fn one(&mut self, depth: usize) -> Option<bool> {
        let left = self.words.next()?;
        if left == Word::Open {
            let holds = if depth < DEPTH { self.any(depth + 1)? } else { return None };
            return self.words.next_if_eq(&Word::Close).map(|_| holds);
        }
        let sign = match self.words.next()? {
            Word::Sign(sign) => sign,
            Word::Name("in") => "in",
            Word::Name("not") => self.words.next_if_eq(&Word::Name("in")).map(|_| "not in")?,
            _ => return None,
        };
        let right = self.words.next()?;
        self.asked.compares(&left, sign, &right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(marker: &str) -> Result<bool, String> {
        let interpreter = [
            ("os_name", "posix"),
            ("sys_platform", "linux"),
            ("platform_machine", "x86_64"),
            ("platform_python_implementation", "CPython"),
            ("python_version", "3.11"),
            ("python_full_version", "3.11.7"),
        ];
        let interpreter = interpreter.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Asked { interpreter: &interpreter, project: "shop" }.holds(marker)
    }

    #[test]
    fn a_marker_holds_or_not_as_the_interpreter_is() {
        for (marker, is_held) in [
            ("sys_platform == 'win32'", false),
            ("sys_platform != 'win32'", true),
            ("'linux' == sys_platform", true),
            ("os_name == \"nt\" or os_name == \"posix\"", true),
            ("sys_platform == 'linux' and os_name == 'nt' or python_version >= '3.9'", true),
            ("sys_platform == 'linux' and (os_name == 'nt' or python_version < '3.9')", false),
            ("python_full_version < '3.11.5'", false),
            ("python_full_version>='3.11'", true),
            ("python_version < '3.9'", false),
            ("'3.9' < python_version", true),
            ("python_full_version == '3.11.*'", true),
            ("python_full_version != '3.11.*'", false),
            ("python_full_version == '3.1.*'", false),
            ("python_version ~= '3.10'", true),
            ("python_full_version ~= '3.10.1'", false),
            ("python_version in '3.10 3.11'", true),
            ("python_version not in '3.10, 3.11'", false),
            ("platform_machine in 'x86_64 aarch64'", true),
            ("'64' in platform_machine", true),
            ("'arm' not in platform_machine", true),
            ("extra == 'extra-4-shop-gpu'", false),
            ("extra != 'group-4-shop-dev' and extra == 'project-4-shop'", true),
        ] {
            assert_eq!(holds(marker), Ok(is_held), "{marker}");
        }
    }

    #[test]
    fn what_is_no_marker_is_said_and_never_taken_for_one() {
        let deep = format!("{}os_name == 'nt'{}", "(".repeat(100_000), ")".repeat(100_000));
        for marker in [
            "",
            "os_name",
            "os_name ==",
            "os_name = 'nt'",
            "os_name == 'nt",
            "os_name == nt",
            "'a' == 'a'",
            "os_name ~= 'nt'",
            "(os_name == 'nt'",
            "os_name == 'nt')",
            "os_name == 'nt' and",
            "os_name == 'nt' os_name == 'nt'",
            "unheard_of == 'x'",
            "python_version >= 'three'",
            "python_version >= '3.*'",
            "python_version not '3'",
            "os_name == 'ü' ; x",
            &deep,
        ] {
            assert!(holds(marker).is_err_and(|why| why.contains("can't be understood")), "{marker}");
        }
    }

    #[test]
    fn a_python_is_asked_for_by_specifiers() {
        for (specifiers, is_fitting) in [
            (">=3.10", Some(true)),
            (">=3.12", Some(false)),
            (">= 3.8, !=3.9.*, <4", Some(true)),
            ("==3.11.*", Some(true)),
            (">=3.11.8", Some(false)),
            (">=3.11.0rc1", Some(true)),
            ("", Some(true)),
            ("3.11", None),
            (">=x", None),
        ] {
            assert_eq!(fits("3.11.7", specifiers), is_fitting, "{specifiers}");
        }
    }
}
