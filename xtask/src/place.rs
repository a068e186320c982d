//! Where things are: the checkout, the cache folder, and the ambient cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::step::Result;

/// The packages that run on the server or help, in one go. The browser's features are never built together with them, and packages that are asked for by
/// themselves have other features, and so has all that they are made of: it would be compiled anew.
pub const NATIVE: [&str; 12] = ["-p", "api", "-p", "app", "-p", "engine", "-p", "server", "-p", "xtask", "--features", "app/ssr"];

/// The checkout's top folder.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        // As cargo says now: checkouts that share a target folder share this program too.
        let own = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        own.parent().map_or_else(|| own.clone(), Path::to_owned)
    })
}

/// The folder outside the checkout that keeps tools and compilers: `$PILOTHOUSE_CACHE`, else `$XDG_CACHE_HOME/pilothouse-dev`, else
/// `~/.cache/pilothouse-dev`.
pub fn cache() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("PILOTHOUSE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("pilothouse-dev")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/pilothouse-dev")))
        .ok_or_else(|| "there is no place for tools: set PILOTHOUSE_CACHE to a folder".to_owned())
}

/// The cargo that started this command, without the variables by which it describes xtask.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    forget_xtask(&mut command);
    command
}

/// Removes what `cargo run` set for xtask itself, so that a build below doesn't see it as a change.
pub fn forget_xtask(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let known = name.to_string_lossy();
        if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") || known == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
}

/// Puts folders in front of the search path of a command.
pub fn put_on_path(command: &mut Command, folders: &[PathBuf]) -> Result {
    let old = env::var_os("PATH").unwrap_or_default();
    let folders = folders.iter().cloned().chain(env::split_paths(&old));
    let path = env::join_paths(folders).map_err(|error| format!("a folder can't be on PATH: {error}"))?;
    command.env("PATH", path);
    Ok(())
}

/// The place of a program on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
