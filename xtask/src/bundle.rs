//! The hydration bundle: the compiled module split into what every page needs and the parts that a browser fetches later, with the glue
//! that loads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Result};
use crate::{content, imports};

/// The script that starts the bundle.
pub const SCRIPT: &str = "frontend.js";
/// The WebAssembly that every page needs.
pub const WASM: &str = "frontend_bg.wasm";
/// The script that loads the parts; the tool gives it this name.
pub const LOADER: &str = "__wasm_split.js";

/// What the compiler uses, and nothing that only the newest browsers know: with all features on, `wasm-opt` writes imports in a form that
/// most refuse.
const FEATURES: [&str; 9] = [
    "--mvp-features",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-call-indirect-overlong",
];

/// Makes the bundle of a module in a folder: splits it, and has wasm-bindgen make the glue of what every page needs.
pub fn make(module: &Path, folder: &Path, split: &Path, bindgen: &Path) -> Result {
    fs::remove_dir_all(folder).ok();
    step::run(Command::new(split).args(["--out-name", "frontend"]).arg(module).arg(folder))?;
    let whole = folder.join("frontend.wasm");
    let mut command = Command::new(bindgen);
    // The parts find what they share by the linker's names.
    command.args(["--target", "web", "--no-typescript", "--keep-lld-exports", "--no-demangle", "--out-name", "frontend", "--out-dir"]);
    step::run(command.arg(folder).arg(&whole))?;
    fs::remove_file(&whole).map_err(|error| format!("{}: {error}", whole.display()))
}

/// Rewrites every WebAssembly file for the fewest compressed bytes (`-Oz` makes fewer that compress worse).
pub fn optimise(folder: &Path, wasm_opt: &Path) -> Result {
    for file in content::files(folder)?.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "wasm")) {
        step::run(
            Command::new(wasm_opt)
                .args(FEATURES)
                .args(["--quiet", "-O2", "--strip-debug", "--strip-producers", "-o"])
                .arg(&file)
                .arg(&file),
        )?;
    }
    let io = |error: std::io::Error| format!("{}: {error}", folder.display());
    let (wasm, script) = (folder.join(WASM), folder.join(SCRIPT));
    let (module, glue) = imports::shorten(&fs::read(&wasm).map_err(io)?, &fs::read_to_string(&script).map_err(io)?)?;
    fs::write(wasm, module).and_then(|()| fs::write(script, glue)).map_err(io)
}

/// The files that each part needs, as the loader of the bundle in `folder` fetches them.
pub fn parts(folder: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let loader: PathBuf = folder.join(LOADER);
    let script = fs::read_to_string(&loader).map_err(|error| format!("{}: {error}", loader.display()))?;
    let parts = read_parts(&script);
    if parts.is_empty() { Err(format!("{} loads no part", loader.display())) } else { Ok(parts) }
}

/// Reads `export const __wasm_split_load_NAME = ..(() => { .. "./FILE.wasm" .. }, [__chunk_1, ..]..` for each part; `__chunk_1` is what
/// several parts share, in `chunk_1.wasm`.
fn read_parts(script: &str) -> BTreeMap<String, Vec<String>> {
    let part = |text: &str| {
        let (name, load) = text.split_once(" = ")?;
        let load = load.split_once("export const").map_or(load, |(load, _)| load);
        let own = load.split('"').find_map(|text| text.strip_prefix("./")).map(str::to_owned);
        let is_digit = |letter: char| letter.is_ascii_digit();
        let shared = load.split("__chunk_").skip(1).map(|rest| &rest[..rest.find(|letter| !is_digit(letter)).unwrap_or(rest.len())]);
        Some((name.to_owned(), own.into_iter().chain(shared.map(|number| format!("chunk_{number}.wasm"))).collect()))
    };
    script.split("export const __wasm_split_load_").skip(1).filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::read_parts;

    #[test]
    fn a_part_needs_its_own_file_and_those_that_it_shares() {
        let script = "const __chunk_5 = makeLoad(() => {\n    const src = fetch(new URL(\"./chunk_5.wasm\", import.meta.url));\n}, []);\n\
                      export const __wasm_split_load_service = wrapAsyncCb(makeLoad(() => {\n    const src = fetch(new URL(\"./split_service.wasm\", \
                      import.meta.url));\n}, [__chunk_5, __chunk_12]));\n\
                      export const __wasm_split_load_deeds = wrapAsyncCb(makeLoad(() => async (_imp) => ({}), [__chunk_5]));\n";
        let parts = read_parts(script);
        assert_eq!(parts["service"], ["split_service.wasm", "chunk_5.wasm", "chunk_12.wasm"]);
        assert_eq!(parts["deeds"], ["chunk_5.wasm"]);
    }
}
