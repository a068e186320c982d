//! API tokens: what programs ask with for months, with fewer rights than the person whom they speak for.

use serde::{Deserialize, Serialize};

use crate::{ApiTokenId, Detail, Secret, Timestamp};

/// What an API token may, at most; its user's role is the other limit. Which permissions each carries is in the table of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// See all that a Viewer sees.
    Read,
    /// See services, start, stop and restart them.
    Operate,
    /// See services, deploy them as they are set up, and follow that.
    Deploy,
    /// See, create and change services and what they are told. With `deploy` also another image or other values in a deployment.
    Change,
    /// All that its user may, but for what takes somebody who has signed in.
    All,
}

crate::read_as_word!(TokenScope);

impl TokenScope {
    /// Every scope.
    pub const ALL: [TokenScope; 5] = [TokenScope::Read, TokenScope::Operate, TokenScope::Deploy, TokenScope::Change, TokenScope::All];

    /// The text on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            TokenScope::Read => "read",
            TokenScope::Operate => "operate",
            TokenScope::Deploy => "deploy",
            TokenScope::Change => "change",
            TokenScope::All => "all",
        }
    }

    /// What it lets a token do, for people.
    pub const fn what(self) -> &'static str {
        match self {
            TokenScope::Read => "see all that a Viewer sees",
            TokenScope::Operate => "start, stop and restart services",
            TokenScope::Deploy => "deploy services as they are set up",
            TokenScope::Change => "create and change services and what they are told",
            TokenScope::All => "all that you may, but for accounts, tokens, webhooks, approvals and showing secrets",
        }
    }

    /// The scope of that text.
    pub fn named(text: &str) -> Option<Self> {
        TokenScope::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// Their texts in quotes, with a word between them; `none` when there is none.
    pub fn list(scopes: &[TokenScope], between: &str) -> String {
        let texts: Vec<_> = scopes.iter().map(|scope| format!("'{}'", scope.as_str())).collect();
        if texts.is_empty() { "none".into() } else { texts.join(between) }
    }
}

/// An API token, without its text, which nobody has but its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The name of the user that it speaks for.
    pub username: String,
    /// What it is called; what it does is done by `USER (token NAME)`.
    pub name: String,
    /// What it may at most.
    pub scopes: Vec<TokenScope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last (to the minute, and up to a minute late).
    pub last_used_at: Option<Timestamp>,
    /// When it is refused from on.
    pub expires_at: Timestamp,
}

impl ApiToken {
    /// What the text of every token begins with, for those who look for lost secrets.
    pub const PREFIX: &str = "pht_";
    /// The most tokens of a user, with those that have expired and are still listed.
    pub const MOST: usize = 50;
    /// The most characters of a name.
    pub const NAME: usize = 80;
    /// Days that a token is good for unless something else is said.
    pub const DAYS: u32 = 90;
    /// The most days that a token is good for.
    pub const DAYS_MAX: u32 = 366;
    /// The least seconds that a token is good for.
    pub const SECONDS_MIN: i64 = 3600;
    /// Days that a token is listed for after it has expired.
    pub const KEPT_DAYS: i64 = 30;
}

/// An API token to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What it is called, 1 to 80 characters: another one than those of the user have.
    pub name: String,
    /// What it may at most; one scope or more.
    pub scopes: Vec<TokenScope>,
    /// How many days it is good for, 1 to 366; 90 unless this or `expires_at` is there.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
    /// When it is refused from on, in an hour to 366 days; in place of `expires_in_days`.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl NewApiToken {
    /// When one that is made at that time is refused from on.
    pub fn expiry(&self, now: Timestamp) -> Timestamp {
        self.expires_at.unwrap_or_else(|| now.plus_seconds(i64::from(self.expires_in_days.unwrap_or(ApiToken::DAYS)) * 86_400))
    }

    /// What is wrong with it, field by field, when it is made at that time.
    pub fn faults(&self, now: Timestamp) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, is_right: bool, message: String| {
            if !is_right {
                faults.push(Detail { field: field.into(), message });
            }
        };
        let is_name = (1..=ApiToken::NAME).contains(&self.name.trim().chars().count()) && !self.name.chars().any(is_unseen);
        check("/name", is_name, format!("the name of a token has 1 to {} characters that can be seen, and no line break", ApiToken::NAME));
        check("/scopes", !self.scopes.is_empty(), "a token has one scope or more of read, operate, deploy, change and all".into());
        let (days, most) = (self.expires_in_days, ApiToken::DAYS_MAX);
        check(
            "/expires_in_days",
            days.is_none_or(|days| (1..=most).contains(&days)),
            format!("a token is good for 1 to {most} days: a number from 1 to {most}"),
        );
        check(
            "/expires_at",
            self.expires_at.is_none_or(|at| {
                at >= now.plus_seconds(ApiToken::SECONDS_MIN) && at <= now.plus_seconds(i64::from(most) * 86_400) && days.is_none()
            }),
            format!("a token expires in an hour to {most} days; say so by `expires_at` or `expires_in_days`, not by both"),
        );
        faults
    }
}

/// Whether a character would make a name look like another one: it breaks the line, can't be seen, or turns the direction of what follows.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// An API token that was made; its text is told here and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MadeApiToken {
    /// The token as it is listed.
    #[serde(flatten)]
    pub made: ApiToken,
    /// Its text, for `Authorization: Bearer`: `pht_` and 64 characters.
    pub token: Secret,
}

/// Which API tokens to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct ApiTokensQuery {
    /// Those of everybody, for Admins.
    pub all: bool,
}

#[cfg(test)]
mod tests {
    use super::{ApiToken, NewApiToken, TokenScope};
    use crate::Timestamp;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn fields(new: NewApiToken) -> Vec<String> {
        new.faults(NOW).into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn names_scopes_and_times_are_checked_at_their_fields() {
        let new = |name: &str| NewApiToken { name: name.into(), scopes: vec![TokenScope::Deploy], ..NewApiToken::default() };
        for name in ["CI", "é", "<b>'; DROP TABLE users; --", &"x".repeat(80)] {
            assert_eq!(fields(new(name)), Vec::<String>::new(), "{name}");
        }
        for name in ["", "  ", "a\nb", "a\u{202e}b", "\u{200b}", &"x".repeat(81)] {
            assert_eq!(fields(new(name)), ["/name"], "{name:?}");
        }
        assert_eq!(fields(NewApiToken { scopes: Vec::new(), ..new("CI") }), ["/scopes"]);
        for (days, is_right) in [(0, false), (1, true), (366, true), (367, false), (u32::MAX, false)] {
            assert_eq!(fields(NewApiToken { expires_in_days: Some(days), ..new("CI") }).is_empty(), is_right, "{days}");
        }
        let longest = 366 * 86_400;
        for (seconds, is_right) in [(-1, false), (3599, false), (3600, true), (longest, true), (longest + 1, false), (i64::MAX, false)] {
            let new = NewApiToken { expires_at: Some(NOW.plus_seconds(seconds)), ..new("CI") };
            assert_eq!(fields(new).is_empty(), is_right, "{seconds}");
        }
        let both = NewApiToken { expires_in_days: Some(1), expires_at: Some(NOW.plus_seconds(86_400)), ..new("CI") };
        assert_eq!(fields(both), ["/expires_at"]);
    }

    #[test]
    fn a_token_is_good_for_ninety_days_unless_something_else_is_said() {
        let new = NewApiToken::default();
        assert_eq!(new.expiry(NOW), NOW.plus_seconds(90 * 86_400));
        assert_eq!(NewApiToken { expires_in_days: Some(1), ..new.clone() }.expiry(NOW), NOW.plus_seconds(86_400));
        assert_eq!(NewApiToken { expires_at: Some(NOW), ..new }.expiry(NOW), NOW);
        assert_eq!(ApiToken::DAYS, 90);
    }

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for scope in TokenScope::ALL {
            assert_eq!(TokenScope::named(scope.as_str()), Some(scope));
            assert_eq!(serde_json::from_value::<TokenScope>(serde_json::to_value(scope).unwrap()).unwrap(), scope);
        }
        assert_eq!(TokenScope::named("admin"), None);
    }
}
