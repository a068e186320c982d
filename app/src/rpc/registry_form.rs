//! The part of a form that says which registry the image of a service comes from, or is pushed to.
#![allow(missing_docs, reason = "the fields are named as what they set")]

use api::Source;
use serde::{Deserialize, Serialize};

/// A registry of images. What is empty isn't asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryForm {
    /// What an image that is built is called there.
    pub push: String,
    pub user: String,
    /// The name of a secret.
    pub secret: String,
}

impl RegistryForm {
    /// What is said of it now; none for a service that isn't made of an image.
    pub fn of(source: &Source) -> Option<Self> {
        let (Source::Image { .. } | Source::Build { .. }) = source else { return None };
        let account = source.registry().cloned().unwrap_or_default();
        let push = source.push().map(|push| push.image.clone()).unwrap_or_default();
        Some(Self { push, user: account.user, secret: account.secret })
    }
}

#[cfg(feature = "ssr")]
mod reading {
    use api::{ImagePatch, ImagePush, RegistryAccount, Source};

    use super::RegistryForm;

    impl RegistryForm {
        /// Who is known there, when anything is said of that.
        pub fn account(&self) -> Option<RegistryAccount> {
            let account = RegistryAccount { user: self.user.trim().to_owned(), secret: self.secret.trim().to_owned() };
            Some(account).filter(|account| !account.is_empty())
        }

        /// Where an image is pushed to, when anything is said of that.
        pub fn pushed(&self) -> Option<ImagePush> {
            let push = ImagePush { image: self.push.trim().to_owned(), registry: self.account() };
            Some(push).filter(|push| *push != ImagePush::default())
        }

        /// Says it in a change of a service that was `before`.
        pub fn fill(&self, patch: &mut ImagePatch, before: &Source) {
            match before {
                Source::Build { .. } => patch.push = Some(self.pushed().unwrap_or_default()),
                _ => patch.registry = Some(self.account().unwrap_or_default()),
            }
        }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{ImageBuild, ImagePatch, ImagePush, RegistryAccount, Source};

    use super::RegistryForm;

    #[test]
    fn what_is_shown_and_saved_unchanged_stays_and_what_is_emptied_goes() {
        let account = RegistryAccount { user: "shop".into(), secret: "registry.token".into() };
        let image = Source::Image {
            image: "registry.example/shop/orders:1".into(),
            container_port: None,
            options: Box::default(),
            registry: Some(Box::new(account.clone())),
        };
        let push = ImagePush { image: "registry.example/shop/orders".into(), registry: Some(account.clone()) };
        let build = ImageBuild { folder: "/srv/orders".into(), push: Some(Box::new(push.clone())), ..ImageBuild::default() };
        let build = Source::Build { build: Box::new(build), container_port: None, options: Box::default() };
        let patch = |form: &RegistryForm, source: &Source| {
            let mut patch = ImagePatch::default();
            form.fill(&mut patch, source);
            patch
        };
        let form = RegistryForm::of(&image).unwrap();
        assert_eq!(patch(&form, &image), ImagePatch { registry: Some(account), ..ImagePatch::default() });
        let form = RegistryForm::of(&build).unwrap();
        assert_eq!(patch(&form, &build), ImagePatch { push: Some(push), ..ImagePatch::default() });
        let empty = RegistryForm { user: " ".into(), ..RegistryForm::default() };
        assert_eq!(patch(&empty, &image).registry, Some(RegistryAccount::default()));
        assert_eq!(patch(&empty, &build).push, Some(ImagePush::default()));
        assert_eq!(RegistryForm::of(&Source::Folder { folder: "/srv".into() }), None);
    }
}
