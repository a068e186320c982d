//! The site: style, hydration bundle and public files in `dist/`, with names by content and compressed copies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Result, Steps};
use crate::tools::{TRUNK, WASM_BINDGEN, WASM_SPLIT};
use crate::{bundle, compress, content, place, style, tools, wasm};

/// How much is done to make the bundle small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// As the compiler leaves it: for a first look.
    AsBuilt,
    /// Made smaller by `wasm-opt`: for release.
    Optimised,
}

const INPUTS: [&str; 8] = ["app", "frontend", "style", "public", "xtask/src", "Trunk.toml", "Cargo.toml", "Cargo.lock"];

/// Builds the site unless nothing has changed since it was built at least as small.
pub fn build(steps: &Steps, size: Size) -> Result {
    let root = place::root();
    let stamp_file = root.join("target/site.stamp");
    let inputs = content::hash(&INPUTS.map(|name| root.join(name)))?;
    let stamp = |size: Size| format!("{inputs:016x} {size:?}");
    let last = fs::read_to_string(&stamp_file).unwrap_or_default();
    let is_current = last == stamp(Size::Optimised) || last == stamp(size);
    if is_current && dist().join("site.json").exists() {
        return Ok(());
    }
    let compiler = wasm::Compiler::get(steps)?;
    let (trunk, split, bindgen) = (TRUNK.get(steps)?, WASM_SPLIT.get(steps)?, WASM_BINDGEN.get(steps)?);
    let optimiser = if size == Size::Optimised { Some(tools::wasm_opt(steps)?) } else { None };
    fs::remove_file(&stamp_file).ok();
    let module = steps.take("Build the site", || {
        style::flatten(&root.join("style/main.css"), &root.join("target/style/pilothouse.css"))?;
        let mut command = Command::new(&trunk);
        command.current_dir(root).args(["build", "--release", "--cargo-profile", "wasm-release"]);
        // Some continuous integrations set this to values that trunk doesn't take.
        command.env_remove("NO_COLOR");
        compiler.prepare(&mut command, &[tools::bin()?])?;
        step::build(&mut command)?;
        Ok(wasm::target_folder().join(wasm::TARGET).join("wasm-release/frontend.wasm"))
    })?;
    let made = root.join("target/bundle");
    steps.take("Split the bundle", || bundle::make(&module, &made, &split, &bindgen))?;
    if let Some(folder) = optimiser {
        steps.take("Make the bundle smaller", || bundle::optimise(&made, &folder.join("wasm-opt")))?;
    }
    assemble(&made)?;
    steps.take("Compress the site", || compress::beside(&dist()))?;
    fs::write(&stamp_file, stamp(size)).map_err(|error| format!("{}: {error}", stamp_file.display()))
}

/// Where the site is.
pub fn dist() -> PathBuf {
    place::root().join("dist")
}

/// Puts the bundle in its parts in place of the whole one that trunk made, in a folder named by its content, so that its files find each
/// other by the names they were made with; and `site.json`, from which the server knows the names, in place of trunk's page.
fn assemble(bundle: &Path) -> Result {
    let io = |error: std::io::Error| format!("can't write the site: {error}");
    let app = format!("app-{:016x}", content::hash(&[bundle.to_owned()])?);
    let mut style = None;
    for entry in fs::read_dir(dist()).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "index.html" || (name.starts_with("frontend-") && [".js", ".wasm"].iter().any(|ending| name.ends_with(ending))) {
            fs::remove_file(entry.path()).map_err(io)?;
        } else if name.ends_with(".css") {
            style = Some(name);
        }
    }
    let style = style.ok_or("trunk made no style sheet")?;
    copy(bundle, &dist().join(&app)).map_err(io)?;
    let list = |files: &[String]| files.iter().map(|file| format!("\"/{app}/{file}\"")).collect::<Vec<_>>().join(", ");
    let parts = bundle::parts(bundle)?;
    let parts: Vec<_> = parts.iter().map(|(part, files)| format!("    \"{part}\": [{}]", list(files))).collect();
    let site = format!(
        "{{\n  \"script\": \"/{app}/{}\",\n  \"loader\": \"/{app}/{}\",\n  \"wasm\": \"/{app}/{}\",\n  \"style\": \"/{style}\",\n  \"parts\": {{\n{}\n  }}\n}}\n",
        bundle::SCRIPT,
        bundle::LOADER,
        bundle::WASM,
        parts.join(",\n")
    );
    fs::write(dist().join("site.json"), site).map_err(io)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
