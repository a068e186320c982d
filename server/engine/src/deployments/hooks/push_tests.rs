//! Bodies as they are sent, whole but for what says nothing here, and what is read of them.

use api::{ErrorCode, NewDeployment};

use super::Heard;
use super::push::{Push, Told, told};
use super::signature::Sender;
use super::signature::tests::{Headers, call};

const GITHUB: &str = include_str!("bodies/github.json");
const GITLAB: &str = include_str!("bodies/gitlab.json");
const GITEA: &str = include_str!("bodies/gitea.json");
const ZEROS: &str = "0000000000000000000000000000000000000000";

fn read(sender: Sender, headers: &[(&str, &str)], body: &str) -> api::Result<Told> {
    told(sender, &Heard::of(&call(headers, body.as_bytes())))
}

fn push(branch: &str, commit: &str, message: &str) -> Told {
    Told::Push(Push { branch: Some(branch.into()), commit: Some(commit.into()), message: Some(message.into()) })
}

fn because(reason: &str) -> Told {
    Told::Other(reason.into())
}

#[test]
fn pushes_are_read_of_every_sender() {
    let in_a_form = form_urlencoded::Serializer::new(String::new()).append_pair("payload", GITHUB).finish();
    let (after, by_gitlab) = ("7638417db6d59f3c431d3e1f261cc637155684cd", "da1560886d4f094c3e6c9ef40349f7d38b5d27d7");
    let of_github = || push("main", after, "Keep carts for a day\n\nThey were lost at each restart.");
    let (form, json) = (("content-type", "application/x-www-form-urlencoded"), ("content-type", "application/json"));
    let (event, gitea) = (("x-github-event", "push"), [("x-gitea-event", "push"), ("x-github-event", "push")]);
    let long = "7638417db6d59f3c431d3e1f261cc637155684cd7638417db6d59f3c431d3e1f";
    let table: Vec<(Sender, Headers<'_>, String, Told)> = vec![
        (Sender::Git, vec![json, event], GITHUB.into(), of_github()),
        (Sender::Git, vec![form, event], in_a_form, of_github()),
        (
            Sender::Git,
            vec![event],
            GITHUB.replace("refs/heads/main", "refs/heads/fix/a b"),
            push("fix/a b", after, "Keep carts for a day\n\nThey were lost at each restart."),
        ),
        (Sender::Git, vec![event], GITHUB.replace(after, &after.to_uppercase()), of_github()),
        (
            Sender::Git,
            vec![event],
            GITHUB.replace(after, long),
            push("main", long, "Keep carts for a day\n\nThey were lost at each restart."),
        ),
        (Sender::Git, gitea.to_vec(), GITEA.into(), push("develop", "bffeb74224043ba2feb48d137756c8a9331c449a", "Webhooks Yay!")),
        (Sender::GitLab, vec![("x-gitlab-event", "Push Hook")], GITLAB.into(), push("main", by_gitlab, "fixed readme")),
        (Sender::Plain, vec![], String::new(), Told::Push(Push::default())),
        (Sender::Plain, vec![], "{}".into(), Told::Push(Push::default())),
        (Sender::Plain, vec![], r#"{"branch": "main", "commit": "ABCDEF1", "message": "m"}"#.into(), push("main", "abcdef1", "m")),
        // What is nothing to deploy.
        (
            Sender::Git,
            vec![("x-github-event", "ping")],
            r#"{"zen": "Keep it logically awesome.", "hook_id": 1}"#.into(),
            because("it is about 'ping', not a push"),
        ),
        (Sender::Git, vec![event], r#"{"zen": "Keep it logically awesome."}"#.into(), because("it is about 'something else', not a push")),
        (Sender::Git, vec![event], GITHUB.replace("refs/heads/main", "refs/tags/v1"), because("it is the push of a tag")),
        (Sender::Git, vec![event], GITHUB.replace("refs/heads/main", "refs/notes/x"), because("'refs/notes/x' isn't a branch")),
        (Sender::Git, vec![event], GITHUB.replace("\"deleted\": false", "\"deleted\": true"), because("the branch 'main' was removed")),
        (
            Sender::Git,
            gitea.to_vec(),
            GITEA.replace("bffeb74224043ba2feb48d137756c8a9331c449a", ZEROS),
            because("the branch 'develop' was removed"),
        ),
        (Sender::GitLab, vec![], GITLAB.replace(by_gitlab, ZEROS), because("the branch 'main' was removed")),
        (
            Sender::GitLab,
            vec![],
            GITLAB.replace("\"object_kind\": \"push\"", "\"object_kind\": \"tag_push\""),
            because("it is the push of a tag"),
        ),
        (Sender::GitLab, vec![], r#"{"object_kind": "issue"}"#.into(), because("it is about 'issue', not a push")),
    ];
    for (sender, headers, body, expected) in table {
        assert_eq!(read(sender, &headers, &body), Ok(expected), "{headers:?} {body}");
    }
}

#[test]
fn what_can_not_be_read_is_malformed() {
    let event = ("x-github-event", "push");
    let short = GITHUB.replace("7638417db6d59f3c431d3e1f261cc637155684cd", "7638417");
    let hostile = GITHUB.replace("7638417db6d59f3c431d3e1f261cc637155684cd", "--upload-pack=touch /tmp/x; 0123456789ab");
    let table: [(Sender, Headers<'_>, &str); 9] = [
        (Sender::Git, vec![event], "{"),
        (Sender::Git, vec![event], "[]"),
        (Sender::Git, vec![event], &short),
        (Sender::Git, vec![event], &hostile),
        (Sender::Git, vec![event, ("content-type", "application/x-www-form-urlencoded")], "a=b"),
        (Sender::GitLab, vec![], ""),
        (Sender::Plain, vec![], "{\"branch\": 1}"),
        (Sender::Plain, vec![], "{\"ref\": \"refs/heads/main\"}"),
        (Sender::Plain, vec![], "{\"commit\": \"HEAD\"}"),
    ];
    for (sender, headers, body) in table {
        assert_eq!(read(sender, &headers, body).expect_err(body).code, ErrorCode::MalformedRequest, "{body}");
    }
}

#[test]
fn the_reason_of_a_deployment_is_one_line_that_can_be_shown() {
    let reason = |branch: Option<&str>, commit: Option<&str>, message: Option<&str>| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Push { branch: text(branch), commit: text(commit), message: text(message) }.reason()
    };
    assert_eq!(reason(Some("main"), Some("1a2b3c4d5e"), Some("\n Fix it \nmore")), "push of 1a2b3c4 to main: Fix it");
    assert_eq!(reason(None, None, None), "push");
    assert_eq!(reason(Some("a\u{202e}b\u{1b}[31m"), None, Some("\u{7}red\0")), "push to ab[31m: red");
    assert_eq!(reason(Some("main"), None, Some(&"é".repeat(9000))).chars().count(), NewDeployment::MESSAGE);
}
