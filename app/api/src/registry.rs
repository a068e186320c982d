//! Registries of images: who pulls from them, and what is pushed to them.

use serde::{Deserialize, Serialize};

use crate::{DEVELOPMENT, Detail, SecretName, Source};

/// The most characters of the name of an image without tag.
const LONG: usize = 255;
/// What Docker takes an image to be of that names no registry.
const HUB: &str = "docker.io";

/// Who a registry of images knows, and by which secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegistryAccount {
    /// The user name, 1 to 200 characters without a colon.
    pub user: String,
    /// The name of the secret with the password or the access token. Its value is sent to the registry of the image and nowhere else.
    pub secret: String,
}

/// Where each release of an image that Pilothouse builds is pushed to, by the tag `r` and its number: `registry.example/shop/orders:r12`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImagePush {
    /// The name of the image in its registry, without a tag: `registry.example/shop/orders`, `localhost:5000/orders`, or `shop/orders` for Docker Hub.
    pub image: String,
    /// Who pushes it, and pulls it again; none for a registry that everybody may push to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryAccount>,
}

impl RegistryAccount {
    /// Whether nothing is said: a change to that removes what was before.
    pub fn is_empty(&self) -> bool {
        self.user.is_empty() && self.secret.is_empty()
    }

    /// What is wrong with it, each field below `at`.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, message: String| faults.push(Detail { field: format!("{at}/{field}"), message });
        if self.user.is_empty() || self.user.len() > 200 || self.user.contains(|c: char| c == ':' || c.is_control()) {
            check("user", "the user name that goes with the secret has 1 to 200 characters, without a colon".into());
        }
        if let Err(fault) = self.secret.parse::<SecretName>() {
            let message = match self.secret.is_empty() {
                true => "name the secret with the password of that user".to_owned(),
                false => fault.to_string(),
            };
            check("secret", message);
        }
        faults
    }
}

impl ImagePush {
    /// What is wrong with it, each field below `at`.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let named =
            "an image is pushed to a name like registry.example/shop/orders: small letters, digits and . _ - /, at most 255, without a tag";
        let image = (!is_pushable(&self.image)).then(|| Detail { field: format!("{at}/image"), message: named.into() });
        image.into_iter().chain(self.registry.iter().flat_map(|account| account.faults(&format!("{at}/registry")))).collect()
    }

    /// The tag of a release of a service in an environment: `r12` in development, `staging-r12` in `staging`.
    pub fn tag(environment: &str, release: u64) -> String {
        if environment == DEVELOPMENT { format!("r{release}") } else { format!("{environment}-r{release}") }
    }

    /// The name of a release in the registry: `registry.example/shop/orders:r12`.
    pub fn named(&self, environment: &str, release: u64) -> String {
        format!("{}:{}", self.image, Self::tag(environment, release))
    }
}

impl Source {
    /// Where its image is pushed to, when it is built and pushed.
    pub fn push(&self) -> Option<&ImagePush> {
        match self {
            Source::Build { build, .. } => build.push.as_deref(),
            _ => None,
        }
    }

    /// Who pulls its image, when not everybody may.
    pub fn registry(&self) -> Option<&RegistryAccount> {
        match self {
            Source::Image { registry, .. } => registry.as_deref(),
            _ => self.push()?.registry.as_ref(),
        }
    }

    /// Who pulls an image that its release has. A secret is for one registry, and a release that was taken along from another environment may be of
    /// another one: nobody in particular then.
    pub fn registry_for(&self, image: &str) -> Option<&RegistryAccount> {
        let own = match self {
            Source::Image { image, .. } => image,
            _ => &self.push()?.image,
        };
        self.registry().filter(|_| registry_of(own) == registry_of(image))
    }

    /// The registry that something of Pilothouse's is sent to, an image or the value of a secret, and what: who may choose that may see it.
    pub fn sent(&self) -> Option<(&str, Option<&RegistryAccount>)> {
        match self {
            Source::Image { image, registry: Some(account), .. } => Some((registry_of(image), Some(account))),
            _ => self.push().map(|push| (push.image.as_str(), push.registry.as_ref())),
        }
    }

    /// The same with another image. Fails with why when the image is of another registry than the secret is for.
    ///
    /// # Errors
    /// With a sentence.
    pub fn with_image(&self, other: &str) -> Result<Self, String> {
        let Source::Image { image, container_port, options, registry } = self else {
            return Err("only a service that is made of an image can be given another one".into());
        };
        let (before, after) = (registry_of(image), registry_of(other));
        if registry.is_some() && before != after {
            return Err(format!(
                "the secret of this service is for the registry {before}, and this image is of {after}: change the image and who pulls it in the \
                 settings of the service first"
            ));
        }
        let (container_port, options, registry) = (*container_port, options.clone(), registry.clone());
        Ok(Source::Image { image: other.to_owned(), container_port, options, registry })
    }
}

/// The registry that an image is of, as Docker reads its name: `registry.example:5000`, or `docker.io` when it names none.
pub fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => HUB,
    }
}

/// The name of an image without tag and digest.
pub fn image_repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// Whether an image can be pushed to that name: a registry or a place at Docker Hub, and a path of small letters, without a tag.
fn is_pushable(name: &str) -> bool {
    let host = registry_of(name);
    let path = name.strip_prefix(host).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
    let is_host = |host: &str| {
        let (host, port) = host.rsplit_once(':').map_or((host, None), |(host, port)| (host, Some(port)));
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        host.split('.').all(is_part) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
    };
    let is_part = |part: &str| {
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        ends(part.as_bytes().first())
            && ends(part.as_bytes().last())
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
    };
    name.len() <= LONG && name.contains('/') && is_host(host) && path.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::{ImagePush, RegistryAccount, image_repository, registry_of};
    use crate::{ImageBuild, Source};

    fn account() -> RegistryAccount {
        RegistryAccount { user: "shop".into(), secret: "registry.token".into() }
    }

    #[test]
    fn the_registry_of_an_image_is_read_as_docker_reads_it() {
        for (image, registry, repository) in [
            ("nginx", "docker.io", "nginx"),
            ("nginx:1.27", "docker.io", "nginx"),
            ("shop/orders:2", "docker.io", "shop/orders"),
            ("registry.example/shop/orders:2", "registry.example", "registry.example/shop/orders"),
            ("localhost/orders", "localhost", "localhost/orders"),
            ("localhost:5000/orders", "localhost:5000", "localhost:5000/orders"),
            ("10.0.0.1:5000/a/b:c@sha256:00", "10.0.0.1:5000", "10.0.0.1:5000/a/b"),
        ] {
            assert_eq!((registry_of(image), image_repository(image)), (registry, repository), "{image}");
        }
    }

    #[test]
    fn only_a_name_without_tag_is_pushed_to() {
        for image in
            ["registry.example/shop/orders", "localhost:5000/orders", "127.0.0.1:5000/a_b-c.d", "shop/orders", "docker.io/shop/orders"]
        {
            assert_eq!(ImagePush { image: image.into(), registry: Some(account()) }.faults("/p"), [], "{image}");
        }
        let hostile = [
            "",
            "orders",
            "registry.example/",
            "registry.example/Shop",
            "registry.example/a:1",
            "registry.example/a@sha256:00",
            "a b/c",
            "registry.example:0/a",
            "registry.example:x/a",
            "https://registry.example/a",
            "registry.example/../a",
            "-x/a",
            "a/-b",
            "user@registry.example/a",
            "registry.example/a?b",
            "registry.example//a",
            ".example/a",
            "registry.example/a/",
        ];
        for image in hostile {
            assert_eq!(ImagePush { image: image.into(), registry: None }.faults("/p").len(), 1, "{image}");
        }
        let wrong = ImagePush { image: "A".into(), registry: Some(RegistryAccount { user: "a:b".into(), secret: String::new() }) };
        let fields: Vec<_> = wrong.faults("/source/build/push").into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["image", "registry/user", "registry/secret"].map(|field| format!("/source/build/push/{field}")));
        assert_eq!(ImagePush { image: "r.example/a".into(), registry: None }.named("staging", 12), "r.example/a:staging-r12");
        let account = RegistryAccount { user: "shop".into(), secret: "token".into() };
        let push = ImagePush { image: "r.example/a".into(), registry: Some(account.clone()) };
        let build = ImageBuild { push: Some(Box::new(push)), ..ImageBuild::default() };
        let source = Source::Build { build: Box::new(build), container_port: None, options: Box::default() };
        assert_eq!(source.registry_for("r.example/a@sha256:1"), Some(&account));
        assert_eq!(source.registry_for("evil.example/a@sha256:1"), None);
        assert_eq!(source.registry_for("sha256:1"), None);
    }

    #[test]
    fn another_image_takes_no_secret_to_another_registry() {
        let of = |image: &str, registry: Option<RegistryAccount>| Source::Image {
            image: image.into(),
            container_port: None,
            options: Box::default(),
            registry: registry.map(Box::new),
        };
        let private = of("registry.example/shop/orders:1", Some(account()));
        assert_eq!(private.with_image("registry.example/shop/other:2"), Ok(of("registry.example/shop/other:2", Some(account()))));
        for other in ["evil.example/shop/orders:1", "orders:1", "registry.example:444/shop/orders:1", "registry.example.evil/shop/orders:1"]
        {
            assert!(private.with_image(other).is_err_and(|why| why.contains("registry.example")), "{other}");
        }
        assert_eq!(of("nginx", None).with_image("registry.example/a"), Ok(of("registry.example/a", None)));
        assert_eq!(private.sent(), Some(("registry.example", Some(&account()))));
        assert_eq!(of("nginx", None).sent(), None);
    }
}
