//! Who asks, and what they may do: the one table of permissions.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, ServiceId, SessionId, UserId};

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

/// Declares the permissions once: variant, text, the least role that has it, what it lets one do.
macro_rules! permissions {
    ($($name:ident = $text:literal, $role:ident, $what:literal;)+) => {
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

            /// What it lets one do, to be read after "you may not".
            pub const fn what(self) -> &'static str {
                match self { $(Permission::$name => $what),+ }
            }
        }
    };
}

permissions! {
    ServicesRead = "services:read", Viewer, "see services";
    ServicesOperate = "services:operate", Developer, "start, stop and restart services";
    ServicesCreate = "services:create", Developer, "create services";
    ServicesChange = "services:change", Developer, "change services";
    ServicesDelete = "services:delete", Admin, "delete services";
    ServicesCommand = "services:command", Admin, "run a free command or a folder outside the services folder";
    ConfigRead = "config:read", Viewer, "see configurations";
    ConfigChange = "config:change", Developer, "change configurations";
    DeploymentsRead = "deployments:read", Viewer, "see deployments";
    DeploymentsRun = "deployments:run", Developer, "deploy services";
    DeploymentsRules = "deployments:rules", Admin, "say when services may be deployed, and deploy in spite of that";
    MetricsRead = "metrics:read", Viewer, "see metrics";
    LogsRead = "logs:read", Viewer, "read logs";
    ActivityRead = "activity:read", Viewer, "see what happened";
    AuditRead = "audit:read", Admin, "read the audit log";
    SystemRead = "system:read", Viewer, "see the health of Pilothouse";
    ApiRead = "api:read", Viewer, "read the API documentation";
    SessionsOwn = "sessions:own", Viewer, "see and end one's own sessions";
    UsersManage = "users:manage", Admin, "manage users";
    SecretsRead = "secrets:read", Developer, "see which secrets there are";
    SecretsWrite = "secrets:write", Developer, "set and delete secrets";
    SecretsReveal = "secrets:reveal", Developer, "see the value of a secret";
    SecretsRotate = "secrets:rotate", Admin, "rotate the keys of secrets";
}

/// Who asks. Made by authentication only; every port method takes one first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The user; none for Pilothouse itself (start-up, reconciler, command line).
    pub user_id: Option<UserId>,
    /// The name that events and the audit show.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The sign-in that the request belongs to.
    pub session_id: Option<SessionId>,
    /// The one thing that they may do, when they may do less than their role.
    #[serde(skip)]
    pub only: Option<(Permission, ServiceId)>,
}

impl Caller {
    /// Pilothouse itself.
    pub fn system() -> Self {
        Self { user_id: None, name: "pilothouse".into(), role: Role::Admin, session_id: None, only: None }
    }

    /// Who may do one thing to one service, and not even see others: a webhook, which nobody has signed in for.
    pub fn only(name: impl Into<String>, permission: Permission, service: ServiceId) -> Self {
        let (role, only) = (permission.least_role(), Some((permission, service)));
        Self { user_id: None, name: name.into(), role, session_id: None, only }
    }

    /// Whether the caller has `permission` for all services.
    pub fn may(&self, permission: Permission) -> bool {
        self.only.is_none() && self.role.may(permission)
    }

    /// Fails with `forbidden`, saying which role would do, unless the caller has `permission`.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.may(permission) {
            return Ok(());
        }
        let (what, role) = (permission.what(), permission.least_role().label());
        if let Some((only, _)) = self.only {
            return Err(Error::forbidden(format!("{} may not {what}: it may only {} for one service", self.name, only.what())));
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
    use super::{Caller, Permission, Role};
    use crate::ServiceId;

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
