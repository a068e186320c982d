//! Typed identifiers: a `ServiceId` can't be passed where a `UserId` is wanted.

/// Declares identifier types: UUIDv7 inside, lower-case hyphenated text outside.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $noun:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = uuid::Uuid))]
        #[serde(transparent)]
        pub struct $name(pub uuid::Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Error;

            /// Fails with `not_found`: an id that can't exist names nothing, like one that doesn't.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                uuid::Uuid::try_parse(text).map(Self).map_err(|_| crate::Error::not_found($noun, text))
            }
        }
    )+};
}

ids! {
    /// Names a service for its whole life; kept when the same folder is discovered again.
    ServiceId: "service",
    /// Names a user.
    UserId: "user",
    /// Names one run that ended by itself, with what was known then.
    IncidentId: "incident",
    /// Names one deployment.
    DeploymentId: "deployment",
    /// Names a time in which no deployment begins.
    FreezeId: "freeze",
    /// Names a webhook that deploys a service.
    DeployHookId: "webhook",
    /// Names one release of a service.
    ReleaseId: "release",
    /// Names one sign-in of one user: a family of refresh tokens.
    SessionId: "session",
    /// Names one API token of one user.
    ApiTokenId: "API token",
}
