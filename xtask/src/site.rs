//! The site: style, hydration bundle and public files in `dist/`, with names by content and compressed copies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Result, Steps};
use crate::tools::{TRUNK, WASM_BINDGEN};
use crate::{compress, content, place, style, tools, wasm};

/// How much is done to make the bundle small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// As the compiler leaves it: for a first look.
    AsBuilt,
    /// Made smaller by `wasm-opt`: for release.
    Optimised,
}

const INPUTS: [&str; 7] = ["app", "frontend", "style", "public", "Trunk.toml", "Cargo.toml", "Cargo.lock"];

/// Builds the site unless nothing has changed since it was built at least as small.
pub fn build(steps: &Steps, size: Size) -> Result {
    let root = place::root();
    let stamp_file = root.join("target/site.stamp");
    let inputs = content::hash(&INPUTS.map(|name| root.join(name)))?;
    let stamp = |size: Size| format!("{inputs:016x} {size:?}");
    let last = fs::read_to_string(&stamp_file).unwrap_or_default();
    let is_current = last == stamp(Size::Optimised) || last == stamp(size);
    if is_current && dist().join("index.html").exists() {
        return Ok(());
    }
    let compiler = wasm::Compiler::get(steps)?;
    let (trunk, _) = (TRUNK.get(steps)?, WASM_BINDGEN.get(steps)?);
    let optimiser = if size == Size::Optimised { Some(tools::wasm_opt(steps)?) } else { None };
    fs::remove_file(&stamp_file).ok();
    steps.take("Build the site", || {
        style::flatten(&root.join("style/main.css"), &root.join("target/style/pilothouse.css"))?;
        let mut command = Command::new(&trunk);
        command.current_dir(root).args(["build", "--release", "--cargo-profile", "wasm-release"]);
        // Some continuous integrations set this to values that trunk doesn't take.
        command.env_remove("NO_COLOR");
        compiler.prepare(&mut command, &[tools::bin()?])?;
        step::run(&mut command)
    })?;
    if let Some(folder) = optimiser {
        steps.take("Make the bundle smaller", || optimise(&folder.join("wasm-opt")))?;
    }
    steps.take("Compress the site", || compress::beside(&dist()))?;
    fs::write(&stamp_file, stamp(size)).map_err(|error| format!("{}: {error}", stamp_file.display()))
}

/// Where the site is.
pub fn dist() -> PathBuf {
    place::root().join("dist")
}

/// Rewrites the WebAssembly for the fewest compressed bytes (`-Oz` makes fewer that compress worse), and renames it by its new content
/// wherever the old name is written.
fn optimise(wasm_opt: &Path) -> Result {
    let old = find("_bg.wasm")?;
    let small = place::root().join("target/optimised.wasm");
    step::run(Command::new(wasm_opt).args(["-O2", "--strip-debug", "--strip-producers", "--all-features", "-o"]).arg(&small).arg(&old))?;
    let old_name = name(&old);
    let new_name = format!("frontend-{:016x}_bg.wasm", content::hash(std::slice::from_ref(&small))?);
    let io = |error: std::io::Error| format!("can't rename {old_name}: {error}");
    fs::rename(&small, dist().join(&new_name)).map_err(io)?;
    fs::remove_file(&old).map_err(io)?;
    for text in [dist().join("index.html"), find(".js")?] {
        let written = fs::read_to_string(&text).map_err(io)?;
        fs::write(&text, written.replace(&old_name, &new_name)).map_err(io)?;
    }
    Ok(())
}

fn find(ending: &str) -> Result<PathBuf> {
    let files = content::files(&dist())?;
    files
        .into_iter()
        .find(|file| file.parent() == Some(&dist()) && name(file).starts_with("frontend-") && name(file).ends_with(ending))
        .ok_or_else(|| format!("trunk made no file that ends in {ending}"))
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
