//! What the image of a service is built of.

use std::path::{Component, Path, PathBuf};

use api::ImageBuild;
use serde_json::Value;

use super::scope::{Scope, Surroundings};
use super::value::{Reading, asks, pairs, shown, text};

/// What Pilothouse doesn't give builds: secrets, SSH agents, further contexts, caches of other images, ...
const LATER: &str = "isn't honoured yet";

/// Reads `build`, short or long.
pub(super) fn read(scope: &mut Scope<'_>, build: &Value, surroundings: &Surroundings<'_>) -> Reading<ImageBuild> {
    let long = build.as_object();
    let part = |name: &str| long.and_then(|fields| fields.get(name)).filter(|value| asks(value));
    let optional = |name: &str| part(name).map(|value| text(&format!("build.{name}"), value)).transpose();
    let context = match long {
        Some(_) => optional("context")?.unwrap_or_else(|| ".".into()),
        None => text("build", build)?,
    };
    if part("dockerfile_inline").is_some() {
        return Err("it is built of 'dockerfile_inline', and Pilothouse reads files: write it to a Dockerfile".into());
    }
    let folder = folder(&context, surroundings.folder)?;
    let dockerfile = optional("dockerfile")?.map(|path| below(&path)).transpose()?.filter(|path| path != "Dockerfile");
    let mut arguments = std::collections::BTreeMap::new();
    for (name, value) in part("args").map_or(Ok(Vec::new()), |value| pairs("build.args", value))? {
        if let Some(value) = value.or_else(|| surroundings.variables.get(&name).cloned()) {
            arguments.insert(name, value);
        }
    }
    for (name, _) in long.into_iter().flatten().filter(|(_, value)| asks(value)) {
        let message = match name.as_str() {
            "context" | "dockerfile" | "args" | "target" => continue,
            "tags" | "labels" => "isn't taken: the image is Pilothouse's own",
            "privileged" | "entitlements" | "network" | "extra_hosts" => "isn't given: a build gets no part of the machine",
            "no_cache" | "pull" => "isn't taken: it is built with the cache of Docker, of the images that are there",
            name if name.starts_with("x-") => continue,
            _ => LATER,
        };
        scope.note(&format!("build.{}", shown(name)), message);
    }
    if scope.get("image").is_some_and(asks) {
        scope.note("image", "the image that is built is Pilothouse's own, and isn't given this name");
    }
    Ok(ImageBuild { folder, repository: None, dockerfile, arguments, target: optional("target")?, builder: None, push: None })
}

/// The folder that `context` names, from the one that the Compose file is in.
fn folder(context: &str, of_file: Option<&Path>) -> Reading<String> {
    let is_address = context.contains("://") || context.starts_with("git@") || context.starts_with("github.com/");
    if is_address {
        return Err(format!("it is built of '{}', and Pilothouse builds of folders: fetch it, and name its folder", shown(context)));
    }
    let path = match of_file {
        Some(folder) => plain(&folder.join(context)),
        None if Path::new(context).is_absolute() => plain(Path::new(context)),
        None => {
            let advice = "give the folder of the Compose file in place of its text";
            return Err(format!("it is built of the folder '{}', which isn't known: {advice}", shown(context)));
        }
    };
    path.to_str().map(String::from).ok_or_else(|| format!("the folder '{}' isn't UTF-8", shown(context)))
}

/// A path in the folder that is built of, as plain as it can be.
fn below(path: &str) -> Reading<String> {
    let is_below = !path.starts_with('/') && !Path::new(path).components().any(|part| part == Component::ParentDir);
    let plain = plain(Path::new(path));
    match plain.to_str().filter(|_| is_below) {
        Some(plain) => Ok(plain.to_owned()),
        None => Err(format!("its Dockerfile '{}' isn't below the folder that it is built of", shown(path))),
    }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
        plain
    })
}
