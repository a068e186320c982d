//! Who asks, and what they may do: the one table of permissions.

use serde::{Deserialize, Serialize};

use crate::{ApiTokenId, Error, Result, ServiceId, SessionId, TokenScope, UserId};

/// What a user is; each role may do all that the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything but accounts and the audit, changes nothing.
    Viewer,
    /// Also runs, creates and changes services, and manages secrets.
    Developer,
    /// Also deletes services, names free commands, manages users and rotates the keys of secrets.
    Admin,
}

crate::read_as_word!(Role);

impl Role {
    /// Every role, from the least to the most rights.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Developer, Role::Admin];

    /// The text on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Developer => "developer",
            Role::Admin => "admin",
        }
    }

    /// The word that people see.
    pub const fn label(self) -> &'static str {
        match self {
            Role::Viewer => "Viewer",
            Role::Developer => "Developer",
            Role::Admin => "Admin",
        }
    }

    /// Whether this role carries `permission`.
    pub fn may(self, permission: Permission) -> bool {
        self >= permission.least_role()
    }
}

impl std::str::FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Error::invalid("/role", "role is one of viewer, developer, admin"))
    }
}

/// Declares the permissions once: variant, text, the least role that has it, the scopes of API tokens that carry it, what it lets one do.
macro_rules! permissions {
    ($($name:ident = $text:literal, $role:ident, [$($scope:ident)*], $what:literal;)+) => {
        /// A right that an operation asks for. Every operation asks for exactly one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Permission {
            $(#[doc = concat!("May ", $what, ".")] #[serde(rename = $text)] $name,)+
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &[Permission] = &[$(Permission::$name),+];

            /// The text on the wire and in the OpenAPI document (`x-permission`).
            pub const fn as_str(self) -> &'static str {
                match self { $(Permission::$name => $text),+ }
            }

            /// The least role that carries it.
            pub const fn least_role(self) -> Role {
                match self { $(Permission::$name => Role::$role),+ }
            }

            /// The scopes of API tokens that carry it. Without any it takes somebody who has signed in: what would let a stolen token
            /// outlast itself, or pass for a person.
            pub const fn scopes(self) -> &'static [TokenScope] {
                match self { $(Permission::$name => &[$(TokenScope::$scope),*]),+ }
            }

            /// What it lets one do, to be read after "you may not".
            pub const fn what(self) -> &'static str {
                match self { $(Permission::$name => $what),+ }
            }
        }
    };
}

permissions! {
    ServicesRead = "services:read", Viewer, [Read Operate Deploy Change All], "see services";
    ServicesOperate = "services:operate", Developer, [Operate All], "start, stop and restart services";
    ServicesCreate = "services:create", Developer, [Change All], "create services";
    ServicesChange = "services:change", Developer, [Change All], "change services";
    ServicesDelete = "services:delete", Admin, [All], "delete services";
    ServicesCommand = "services:command", Admin, [All], "run a free command or a folder outside the services folder";
    ConfigRead = "config:read", Viewer, [Read Change All], "see configurations";
    ConfigChange = "config:change", Developer, [Change All], "change configurations";
    ConfigBackup = "config:backup", Admin, [], "back up and restore configurations with their secrets";
    DeploymentsRead = "deployments:read", Viewer, [Read Deploy All], "see deployments";
    DeploymentsRun = "deployments:run", Developer, [Deploy All], "deploy services";
    DeploymentsApprove = "deployments:approve", Developer, [], "agree to deployments or reject them";
    DeploymentsHooks = "deployments:hooks", Developer, [], "make and remove webhooks";
    DeploymentsRules = "deployments:rules", Admin, [All], "say when services may be deployed, and deploy in spite of that";
    MetricsRead = "metrics:read", Viewer, [Read All], "see metrics";
    LogsRead = "logs:read", Viewer, [Read All], "read logs";
    ActivityRead = "activity:read", Viewer, [Read All], "see what happened";
    AuditRead = "audit:read", Admin, [All], "read the audit log";
    SystemRead = "system:read", Viewer, [Read All], "see the health of Pilothouse";
    ApiRead = "api:read", Viewer, [Read All], "read the API documentation";
    AccountRead = "account:read", Viewer, [Read Operate Deploy Change All], "see who one is, and open WebSockets";
    SessionsOwn = "sessions:own", Viewer, [], "see and end one's own sessions";
    TokensOwn = "tokens:own", Viewer, [], "see, make and revoke one's own API tokens";
    UsersManage = "users:manage", Admin, [], "manage users";
    SecretsRead = "secrets:read", Developer, [All], "see which secrets there are";
    SecretsWrite = "secrets:write", Developer, [All], "set and delete secrets";
    SecretsReveal = "secrets:reveal", Developer, [], "see the value of a secret";
    SecretsRotate = "secrets:rotate", Admin, [All], "rotate the keys of secrets";
}

/// Who asks. Made by authentication only; every port method takes one first. It is neither written nor read: its limits have to stay with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user; none for Pilothouse itself (start-up, reconciler) and the command line.
    pub user_id: Option<UserId>,
    /// The name that events and the audit show.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The sign-in that the request belongs to.
    pub session_id: Option<SessionId>,
    /// The one thing that they may do, when they may do less than their role.
    pub only: Option<(Permission, ServiceId)>,
    /// The API token that speaks for them, when one does.
    pub token: Option<ByToken>,
}

/// An API token that speaks for its user: they may what its scopes carry, of what their role may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByToken {
    /// The token.
    pub id: ApiTokenId,
    /// What it may at most.
    pub scopes: Vec<TokenScope>,
}

impl ByToken {
    /// Whether one of its scopes carries `permission`.
    pub fn carries(&self, permission: Permission) -> bool {
        permission.scopes().iter().any(|scope| self.scopes.contains(scope))
    }

    fn refuse(&self, permission: Permission) -> Error {
        let what = permission.what();
        match permission.scopes() {
            [] => Error::forbidden(format!("an API token may not {what}: that takes somebody who has signed in")),
            scopes => Error::forbidden(format!(
                "this API token may not {what}: that takes the scope {}, and it has {}",
                TokenScope::list(scopes, " or "),
                TokenScope::list(&self.scopes, " and ")
            )),
        }
    }
}

impl Caller {
    /// Pilothouse itself.
    pub fn system() -> Self {
        Self { user_id: None, name: "pilothouse".into(), role: Role::Admin, session_id: None, only: None, token: None }
    }

    /// Whoever has the data folder, on the command line. No user can have that name.
    pub fn command_line() -> Self {
        Self { name: "command line".into(), ..Self::system() }
    }

    /// Who may do one thing to one service, and not even see others: a webhook, which nobody has signed in for.
    pub fn only(name: impl Into<String>, permission: Permission, service: ServiceId) -> Self {
        let (role, only) = (permission.least_role(), Some((permission, service)));
        Self { user_id: None, name: name.into(), role, session_id: None, only, token: None }
    }

    /// Whether the caller has `permission` for all services.
    pub fn may(&self, permission: Permission) -> bool {
        self.only.is_none() && self.role.may(permission) && self.token.as_ref().is_none_or(|token| token.carries(permission))
    }

    /// Fails with `forbidden`, saying which role or scope would do, unless the caller has `permission`.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.may(permission) {
            return Ok(());
        }
        let (what, role) = (permission.what(), permission.least_role().label());
        if let Some((only, _)) = self.only {
            return Err(Error::forbidden(format!("{} may not {what}: it may only {} for one service", self.name, only.what())));
        }
        if let Some(token) = self.token.as_ref().filter(|_| self.role.may(permission)) {
            return Err(token.refuse(permission));
        }
        Err(Error::forbidden(format!("you may not {what}: that takes the role {role}, and you are {}", self.role.label())))
    }

    /// [`Caller::require`] for one service; rights per service will be decided here.
    pub fn require_on(&self, permission: Permission, service: ServiceId) -> Result<()> {
        if self.only == Some((permission, service)) { Ok(()) } else { self.require(permission) }
    }
}

#[cfg(test)]
mod tests {
    use super::{ByToken, Caller, Permission, Role};
    use crate::{ApiTokenId, ServiceId, TokenScope};

    fn by_token(role: Role, scopes: &[TokenScope]) -> Caller {
        let token = ByToken { id: ApiTokenId(uuid::Uuid::nil()), scopes: scopes.to_vec() };
        Caller { role, token: Some(token), ..Caller::system() }
    }

    fn allowed(caller: &Caller) -> Vec<&'static str> {
        Permission::ALL.iter().filter(|permission| caller.require(**permission).is_ok()).map(|permission| permission.as_str()).collect()
    }

    #[test]
    fn a_token_may_what_its_scopes_and_its_user_may() {
        for role in Role::ALL {
            for scope in TokenScope::ALL {
                let caller = by_token(role, &[scope]);
                for permission in Permission::ALL {
                    let expected = role.may(*permission) && permission.scopes().contains(&scope);
                    assert_eq!(caller.may(*permission), expected, "{role:?} {scope:?} {permission:?}");
                    assert_eq!(caller.require_on(*permission, ServiceId(uuid::Uuid::nil())).is_ok(), expected);
                }
            }
        }
        assert_eq!(allowed(&by_token(Role::Admin, &[])), <[&str; 0]>::default());
        assert_eq!(
            allowed(&by_token(Role::Admin, &[TokenScope::Deploy])),
            ["services:read", "deployments:read", "deployments:run", "account:read"]
        );
        assert_eq!(allowed(&by_token(Role::Developer, &[TokenScope::Operate])), ["services:read", "services:operate", "account:read"]);
        let both = by_token(Role::Developer, &[TokenScope::Deploy, TokenScope::Change]);
        assert!(both.may(Permission::DeploymentsRun) && both.may(Permission::ConfigChange) && !both.may(Permission::ServicesOperate));
    }

    #[test]
    fn the_scope_read_is_all_that_a_viewer_may_and_what_makes_lasting_rights_takes_a_person() {
        for permission in Permission::ALL {
            let scopes = permission.scopes();
            let is_for_people = scopes.is_empty();
            assert_eq!(scopes.contains(&TokenScope::All), !is_for_people, "{permission:?}");
            let is_read = permission.least_role() == Role::Viewer && !is_for_people;
            assert_eq!(scopes.contains(&TokenScope::Read), is_read, "{permission:?}");
        }
        for permission in [
            Permission::TokensOwn,
            Permission::SessionsOwn,
            Permission::UsersManage,
            Permission::SecretsReveal,
            Permission::ConfigBackup,
            Permission::DeploymentsHooks,
            Permission::DeploymentsApprove,
        ] {
            let refused = by_token(Role::Admin, &TokenScope::ALL).require(permission).unwrap_err();
            assert!(refused.message.contains("takes somebody who has signed in"), "{refused:?}");
        }
    }

    #[test]
    fn who_is_refused_is_told_which_scope_or_role_would_do() {
        let refused = |role, permission| by_token(role, &[TokenScope::Read]).require(permission).unwrap_err().message;
        let scope = "this API token may not deploy services: that takes the scope 'deploy' or 'all', and it has 'read'";
        assert_eq!(refused(Role::Developer, Permission::DeploymentsRun), scope);
        let role = "you may not deploy services: that takes the role Developer, and you are Viewer";
        assert_eq!(refused(Role::Viewer, Permission::DeploymentsRun), role);
    }

    #[test]
    fn who_may_one_thing_to_one_service_may_nothing_else() {
        let [one, other] = [1, 2].map(|number| ServiceId(uuid::Uuid::from_u128(number)));
        let caller = Caller::only("webhook main", Permission::DeploymentsRun, one);
        assert!(caller.require_on(Permission::DeploymentsRun, one).is_ok());
        assert!(caller.require_on(Permission::DeploymentsRun, other).is_err());
        for permission in Permission::ALL {
            assert!(!caller.may(*permission) && caller.require(*permission).is_err(), "{permission:?}");
            assert_eq!(caller.require_on(*permission, one).is_ok(), *permission == Permission::DeploymentsRun);
        }
    }

    #[test]
    fn each_role_may_all_that_the_one_before_it_may() {
        for permission in Permission::ALL {
            for pair in Role::ALL.windows(2) {
                assert!(!pair[0].may(*permission) || pair[1].may(*permission), "{permission:?}");
            }
        }
        assert!(!Role::Viewer.may(Permission::ServicesOperate));
        assert!(!Role::Developer.may(Permission::UsersManage));
    }
}
