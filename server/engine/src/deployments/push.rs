//! Pushing what was built to its registry, and what to do when a registry doesn't give or take an image.

use std::sync::Arc;

use api::{Artifact, DeploymentKind, ErrorCode, ImagePush, RegistryAccount, Result, Source, Stage};

use super::Manager;
use super::kept::{Record, release_context, seal};
use super::live::{Also, Live};
use super::run::{Done, Failure, Stop};
use crate::secrets::keyring::require_key;
use crate::store::releases::{release_find, release_set_artifact};
use crate::store::secrets::secret_find;

impl Manager {
    /// Pushes the image of the release by a tag of its own, and pins the release by what the registry has it by, so that it can be pulled again.
    pub(super) async fn push(&self, live: &Arc<Live>) -> Result<Done, Stop> {
        let record = live.record();
        let (id, release) = (record.shown.service_id, record.order.release);
        let mut content = record.order.content.clone().ok_or_else(api::Error::internal)?;
        let Some(push) = content.spec.source.push().cloned() else {
            return Ok(Done::skipped("nothing to push: it runs on this machine"));
        };
        if record.shown.kind == DeploymentKind::Rollback {
            return Ok(Done::skipped("nothing to push: the release was made before"));
        }
        if record.order.new.release_id.is_some() && matches!(&content.artifact, Artifact::Image { digest, .. } if digest.contains('@')) {
            return Ok(Done::skipped("nothing to push: the release that was taken along is in its registry"));
        }
        let number = self.number(&record).await?.ok_or_else(api::Error::internal)?;
        let environment = content.spec.in_environment().to_owned();
        let tell = live.tell(&self.core, Stage::Push);
        let pushed = self.runtimes.push_image(id, release, &push, &ImagePush::tag(&environment, number), &tell).await;
        let pushed = pushed.map_err(|error| match error.code {
            ErrorCode::ServiceFailed => registry_failure(&content.spec.source, error.message).into(),
            _ => Stop::from(error),
        })?;
        let pinned = pushed.ok_or_else(api::Error::internal)?;
        let Artifact::Image { digest, .. } = &mut content.artifact else { return Err(api::Error::internal().into()) };
        digest.clone_from(&pinned);
        let (artifact, sealed) = (content.artifact.clone(), seal(&self.core, &release_context(release), &content)?);
        let also: Also = Box::new(move |db| {
            Box::pin(async move {
                let key = require_key(db, &sealed).await?;
                release_set_artifact(db, release, &artifact, key, &sealed).await
            })
        });
        self.save(live, move |record| record.order.content = Some(content), Vec::new(), Some(also)).await?;
        Ok(Done::with(format!("the image is {} in its registry, which is {pinned}", push.named(&environment, number))))
    }

    /// Takes the name that a push has given an image off it again. What was pushed stays in the registry.
    pub(super) async fn forget_pushed(&self, record: &Record) {
        let Some(spec) = record.order.content.as_ref().map(|content| &content.spec) else { return };
        let Some(push) = spec.source.push() else { return };
        match self.number(record).await {
            Ok(Some(number)) => {
                let named = push.named(spec.in_environment(), number);
                self.runtimes.forget_pushed(record.shown.service_id, record.order.release, &named).await;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, release = %record.order.release, "pushed_name_not_removed"),
        }
    }

    /// The number of the release, once it is there.
    async fn number(&self, record: &Record) -> Result<Option<u64>> {
        let Some(release) = record.release_id else { return Ok(None) };
        Ok(release_find(&mut self.core.store.main.read().await?, release).await?.map(|row| row.number))
    }

    /// Why an account can't be used, when its secret isn't there.
    pub(super) async fn lacks_secret(&self, account: &RegistryAccount) -> Result<Option<String>> {
        let name = &account.secret;
        let found = secret_find(&mut self.core.store.main.read().await?, name).await?;
        Ok(found.is_none().then(|| format!("there is no secret '{name}', with which its registry is asked: set it")))
    }
}

/// Why a registry didn't give or take an image, with what to do.
pub(super) fn registry_failure(source: &Source, error: String) -> Failure {
    let (name, what) = match source {
        Source::Image { image, .. } => (image.as_str(), "pull"),
        _ => (source.push().map_or("", |push| push.image.as_str()), "push"),
    };
    let host = api::registry_of(name);
    let said = error.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    let suggestion = if has(&["no secret '"]) {
        format!("set that secret to the password for {host}, or name another one in the settings of the service")
    } else if has(&["denied", "unauthorized", "authentication required", "no basic auth credentials", "incorrect username or password"]) {
        match source.registry() {
            Some(RegistryAccount { user, secret }) => format!(
                "look whether the secret '{secret}' is the password of '{user}' at {host}, and whether '{user}' may {what} there; then deploy it again"
            ),
            None => {
                format!("give the account at {host} and the secret with its password in the settings of the service, then deploy it again")
            }
        }
    } else if has(&["no space left", "disk quota", "quota exceeded", "507 "]) {
        match what {
            "push" => format!("free some space where {host} keeps its images, then deploy it again"),
            _ => "free some space where Docker keeps its images, then deploy it again".to_owned(),
        }
    } else if has(&["no such host", "server misbehaving"]) {
        format!("look at the name of the registry: the machine that Docker runs on doesn't find '{host}'")
    } else if has(&["http response to https client"]) {
        format!(
            "let {host} speak TLS, or list it among the insecure-registries of Docker, which then sends passwords where they can be read"
        )
    } else if has(&["x509", "certificate"]) {
        format!("let Docker trust the certificate of {host} (/etc/docker/certs.d/{host}/ca.crt), then deploy it again")
    } else if has(&[
        "connection refused",
        "timeout",
        "timed out",
        "hasn't moved",
        "unreachable",
        "no route",
        "eof",
        "connection reset",
        "broken pipe",
    ]) {
        format!("look whether {host} runs and can be reached from where Docker runs, then deploy it again")
    } else if has(&["unexpected http status: 5", "unknown: unknown error", "internal server error", "blob upload"]) {
        format!("see what {host} wrote to its log: its disk may be full; then deploy it again")
    } else if has(&["manifest unknown", "not found", "does not exist"]) {
        "look at the name and the tag of the image".to_owned()
    } else {
        return Failure::new(error);
    };
    Failure { error, suggestion: Some(suggestion), lines: Vec::new() }
}

#[cfg(test)]
mod tests {
    use api::{ImageBuild, ImagePush, RegistryAccount, Source};

    use super::registry_failure;

    #[test]
    fn what_a_registry_says_becomes_advice_that_names_the_place() {
        let account = RegistryAccount { user: "shop".into(), secret: "registry.token".into() };
        let of = |registry: Option<RegistryAccount>| {
            let push = ImagePush { image: "registry.example:5000/shop/orders".into(), registry };
            let build = ImageBuild { folder: "/srv/orders".into(), push: Some(Box::new(push)), ..ImageBuild::default() };
            Source::Build { build: Box::new(build), container_port: None, options: Box::default() }
        };
        let said = |source: &Source, why: &str| {
            registry_failure(source, format!("the image can't be pushed: {why}")).suggestion.unwrap_or_default()
        };
        for (why, advice) in [
            ("unauthorized: authentication required", "the secret 'registry.token' is the password of 'shop'"),
            ("denied: requested access to the resource is denied", "may push there"),
            ("Get \"http://registry.example:5000/v2/\": dial tcp 10.0.0.1:5000: connect: connection refused", "runs and can be reached"),
            ("dial tcp: lookup registry.example on 10.0.0.2:53: no such host", "doesn't find 'registry.example:5000'"),
            ("its registry hasn't moved for 120 s", "runs and can be reached"),
            ("received unexpected HTTP status: 507 Insufficient Storage", "free some space where registry.example:5000"),
            ("received unexpected HTTP status: 500 Internal Server Error", "its disk may be full"),
            ("http: server gave HTTP response to HTTPS client", "speak TLS"),
            ("x509: certificate signed by unknown authority", "ca.crt"),
            ("there is no secret 'registry.token'", "set that secret"),
        ] {
            assert!(said(&of(Some(account.clone())), why).contains(advice), "{why}: {}", said(&of(Some(account.clone())), why));
        }
        assert!(said(&of(None), "no basic auth credentials").starts_with("give the account at registry.example:5000"));
        let image = Source::Image { image: "shop/orders:1".into(), container_port: None, options: Box::default(), registry: None };
        let pull = registry_failure(&image, "the image 'shop/orders:1' can't be pulled: pull access denied for shop/orders".into());
        assert!(pull.suggestion.is_some_and(|advice| advice.starts_with("give the account at docker.io")));
    }
}
