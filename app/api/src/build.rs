//! How the image of a service is built.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Detail, ImagePush, Repository};

/// Arguments of a build.
const ARGUMENTS: usize = 100;
/// Bytes of the value of one.
const VALUE: usize = 32 << 10;
/// Bytes of a path, and of the name of a stage.
const PATH: usize = 4096;

/// An image that is built of a folder with a Dockerfile. Files that its `.dockerignore` names stay out, links aren't followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageBuild {
    /// The absolute path of the folder: at most 1 GiB in 100,000 files, and nobody but its owner may write to it. Empty when it is of a repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// The Git repository, in place of a folder of this machine, of which each deployment builds a commit. It isn't run before it is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Box<Repository>>,
    /// The Dockerfile, by its path in the folder; none is `Dockerfile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// What its `ARG`s are, at most 100. They can be read in the image by whoever has it, so none should be a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
    /// The stage that is built; none builds the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What Docker builds it with; none is BuildKit where the engine has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<Builder>,
    /// Where each release is pushed to; none keeps it on this machine. What was pushed stays in the registry, whatever becomes of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<Box<ImagePush>>,
}

/// What Docker builds images with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Builder {
    /// BuildKit: steps side by side, and all that Dockerfiles can say today. A Docker Engine of 19.03 or later has it.
    Buildkit,
    /// The builder from before, one step after the other.
    Classic,
}

impl Builder {
    /// What it is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::Buildkit => "BuildKit",
            Self::Classic => "Classic",
        }
    }
}

impl ImageBuild {
    /// The path of its Dockerfile in the folder.
    pub fn dockerfile(&self) -> &str {
        self.dockerfile.as_deref().unwrap_or("Dockerfile")
    }

    /// What it is built of, in words.
    pub fn origin(&self) -> String {
        self.repository.as_ref().map_or_else(|| self.folder.clone(), |repository| repository.label())
    }

    /// What it is, for people: what each is called, and what it is.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let arguments = self.arguments.keys().cloned().collect::<Vec<_>>().join(", ");
        let facts = [
            ("Built from", Some(self.origin())),
            ("Dockerfile", self.dockerfile.clone()),
            ("Stage", self.target.clone()),
            ("Build arguments", Some(arguments)),
            ("Builder", self.builder.map(|builder| builder.label().to_owned())),
            ("Pushed to", self.push.as_ref().map(|push| push.image.clone())),
        ];
        facts.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?))).collect()
    }

    /// What is wrong with it, field by field, below the JSON Pointer `at`. The folder is looked at by whoever can.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, right: bool, message: &str| {
            if !right {
                faults.push(Detail { field: format!("{at}/{field}"), message: message.into() });
            }
        };
        let is_one = self.repository.is_none() || self.folder.is_empty();
        check("folder", is_one, "an image is built of a folder or of a repository, not both: name the folder in the repository in that");
        let inside = "the Dockerfile is a path in the folder, without '.' or '..': Dockerfile, or docker/web.Dockerfile";
        check("dockerfile", self.dockerfile.as_deref().is_none_or(is_below), inside);
        let stage = "a stage has letters, digits and . _ -, or is the number of one";
        check("target", self.target.as_deref().is_none_or(is_stage), stage);
        check("arguments", self.arguments.len() <= ARGUMENTS, "a build has at most 100 arguments");
        for (name, value) in self.arguments.iter().take(ARGUMENTS) {
            let field = format!("arguments/{}", name.chars().take(80).collect::<String>().replace('~', "~0").replace('/', "~1"));
            check(&field, is_argument_name(name), "an argument's name has letters, digits and '_', and doesn't start with a digit");
            let fits = value.len() <= VALUE && !value.contains('\0');
            check(&field, fits, "the value of an argument has at most 32 KiB and no zero byte");
        }
        faults.extend(self.repository.iter().flat_map(|repository| repository.faults(&format!("{at}/repository"))));
        faults.extend(self.push.iter().flat_map(|push| push.faults(&format!("{at}/push"))));
        faults
    }
}

fn is_below(path: &str) -> bool {
    (1..=PATH).contains(&path.len())
        && !path.starts_with('/')
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn is_stage(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_argument_name(name: &str) -> bool {
    (1..=256).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::ImageBuild;

    #[test]
    fn what_could_lead_out_of_the_folder_or_be_something_else_is_refused_field_by_field() {
        let right = ImageBuild {
            folder: "/srv/shop/web".into(),
            repository: None,
            dockerfile: Some("docker/web.Dockerfile".into()),
            arguments: [("VERSION".to_owned(), "1.2 beta".to_owned())].into(),
            target: Some("production".into()),
            builder: None,
            push: None,
        };
        assert_eq!(right.faults("/source/build"), []);
        assert_eq!(right.facts().len(), 4);
        for dockerfile in ["", "/etc/passwd", "../Dockerfile", "a/../../b", "a//b", "./a", "a\nb"] {
            let wrong = ImageBuild { dockerfile: Some(dockerfile.into()), ..right.clone() };
            assert_eq!(wrong.faults("/source/build")[0].field, "/source/build/dockerfile", "{dockerfile:?}");
        }
        let wrong = ImageBuild { target: Some("a b".into()), arguments: [("A=B/~".to_owned(), "x\0".to_owned())].into(), ..right };
        let fields: Vec<_> = wrong.faults("").into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["/target", "/arguments/A=B~1~0", "/arguments/A=B~1~0"]);
    }

    #[test]
    fn a_plain_build_is_written_in_a_few_words() {
        let plain = ImageBuild { folder: "/srv/web".into(), ..ImageBuild::default() };
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"folder":"/srv/web"}"#);
        assert_eq!(plain.dockerfile(), "Dockerfile");
    }
}
