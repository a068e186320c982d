//! What a call of a webhook is about: the bodies of GitHub, Gitea and Forgejo, of GitLab, and the plain one, read into one type.

use api::{Error, ErrorCode, NewDeployment, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Heard;
use super::signature::Sender;

/// Digits of a commit that people are shown.
const SHORT: usize = 7;
/// The most characters that are repeated of what a caller says.
const CUT: usize = 80;

/// Something new on a branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// The branch; none when the caller didn't say, which only a plain call may.
    pub branch: Option<String>,
    /// The newest commit: 40 or 64 hexadecimal digits in lower case, or at least 7 of them in a plain call.
    pub commit: Option<String>,
    /// What is said of it.
    pub message: Option<String>,
}

/// What a call turns out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A push to a branch.
    Push(Push),
    /// Something that is nothing to deploy, and why.
    Other(String),
}

#[derive(Deserialize)]
struct Pushed {
    object_kind: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    after: Option<String>,
    #[serde(default)]
    deleted: bool,
    head_commit: Option<Commit>,
    #[serde(default)]
    commits: Option<Vec<Commit>>,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Plain {
    branch: Option<String>,
    commit: Option<String>,
    message: Option<String>,
}

impl Push {
    /// Why the deployment is made, in words for people: at most [`NewDeployment::MESSAGE`] characters without control characters.
    pub fn reason(&self) -> String {
        let mut text = "push".to_owned();
        if let Some(commit) = &self.commit {
            text.push_str(" of ");
            text.extend(commit.chars().take(SHORT));
        }
        if let Some(branch) = &self.branch {
            text.push_str(" to ");
            text.push_str(branch);
        }
        let first = self.message.as_deref().and_then(|message| message.lines().map(str::trim).find(|line| !line.is_empty()));
        if let Some(line) = first {
            text.push_str(": ");
            text.push_str(line);
        }
        text.chars().filter(|c| !is_hidden(*c)).take(NewDeployment::MESSAGE).collect()
    }
}

/// Reads a call whose sender is known.
///
/// # Errors
/// `malformed_request` when the body isn't what that sender says.
pub fn told(sender: Sender, heard: &Heard<'_>) -> Result<Told> {
    match sender {
        Sender::Plain => plain(heard.body),
        Sender::Git => {
            let event = ["x-gitea-event", "x-forgejo-event", "x-github-event"].iter().find_map(|name| heard.header(name));
            match event {
                Some(event) if event != "push" => Ok(other(event)),
                _ => pushed(json(&heard.document()?)?),
            }
        }
        Sender::GitLab => {
            let pushed_to: Pushed = json(heard.body)?;
            match pushed_to.object_kind.as_deref() {
                Some("push") => pushed(pushed_to),
                Some("tag_push") => Ok(Told::Other("it is the push of a tag".into())),
                event => Ok(other(event.unwrap_or("something else"))),
            }
        }
    }
}

fn pushed(body: Pushed) -> Result<Told> {
    let Some(reference) = body.reference else { return Ok(other("something else")) };
    let Some(branch) = reference.strip_prefix("refs/heads/") else {
        let is_tag = reference.starts_with("refs/tags/");
        let why = if is_tag { "it is the push of a tag".to_owned() } else { format!("'{}' isn't a branch", cut(&reference)) };
        return Ok(Told::Other(why));
    };
    let after = body.after.or_else(|| body.head_commit.as_ref().map(|commit| commit.id.clone()));
    if body.deleted || after.as_deref().is_some_and(|commit| commit.bytes().all(|byte| byte == b'0')) {
        return Ok(Told::Other(format!("the branch '{}' was removed", cut(branch))));
    }
    let commit = after.map(|commit| whole(&commit, &[40, 64])).transpose()?;
    let is_it = |one: &Commit| commit.as_deref().is_some_and(|commit| one.id.eq_ignore_ascii_case(commit));
    let newest = body.commits.unwrap_or_default().into_iter().chain(body.head_commit).find(is_it);
    Ok(Told::Push(Push { branch: Some(branch.to_owned()), commit, message: newest.and_then(|commit| commit.message) }))
}

fn plain(body: &[u8]) -> Result<Told> {
    if body.trim_ascii().is_empty() {
        return Ok(Told::Push(Push::default()));
    }
    let Plain { branch, commit, message } = json(body)?;
    let commit = commit.map(|commit| whole(&commit, &(7..=64).collect::<Vec<_>>())).transpose()?;
    Ok(Told::Push(Push { branch, commit, message }))
}

/// A commit of one of these lengths, in lower case.
fn whole(commit: &str, lengths: &[usize]) -> Result<String> {
    if lengths.contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(commit.to_ascii_lowercase());
    }
    Err(malformed(format!("'{}' is no commit: that has 40 or 64 hexadecimal digits", cut(commit))))
}

fn other(event: &str) -> Told {
    Told::Other(format!("it is about '{}', not a push", cut(event)))
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| malformed(format!("the body can't be read: {}", cut(&error.to_string()))))
}

pub(super) fn malformed(message: String) -> Error {
    Error::new(ErrorCode::MalformedRequest, message)
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).take(CUT).collect()
}

/// Control characters, and those that turn around how what is beside them is read.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
