//! A private sysroot for Debian's compiler: its own files by links, and a standard library for the browser built from its source.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use crate::step::{self, Result, Steps};
use crate::{debian, place, wasm};

/// What Debian calls the compiler, its cargo, the source of its standard library, its clippy and its linker.
pub const PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "rust-web-llvm"];

const RUSTC: &str = "/usr/bin/rustc";
const RUSTLIB: &str = "/usr/lib/rustlib";

/// The sysroot made earlier for the compiler that is installed now.
pub fn find() -> Result<Option<PathBuf>> {
    if !Path::new(RUSTC).exists() {
        return Ok(None);
    }
    let folder = folder()?;
    Ok(folder.is_dir().then_some(folder))
}

/// Installs the compiler and builds its sysroot, in a temporary folder that is renamed at the end.
pub fn build(steps: &Steps) -> Result<PathBuf> {
    debian::need(steps, &PACKAGES, "the compiler has no WebAssembly target and rustup can't add it here")?;
    let folder = folder()?;
    if folder.is_dir() {
        return Ok(folder);
    }
    steps.take("Build the standard library for WebAssembly", || {
        let new = folder.with_extension(format!("new-{}", process::id()));
        let library = new.join("lib/rustlib").join(wasm::TARGET).join("lib");
        io(fs::create_dir_all(&library), &library)?;
        build_library(&new, &library)?;
        link_compiler(&new, &folder)?;
        io(fs::rename(&new, &folder), &folder)?;
        Ok(folder.clone())
    })
}

/// Compiles std as the dependency of an empty crate and takes what came out.
fn build_library(new: &Path, library: &Path) -> Result {
    let krate = new.join("build");
    io(fs::create_dir_all(krate.join("src")), &krate)?;
    io(fs::write(krate.join("src/lib.rs"), "#![no_std]\n"), &krate)?;
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n";
    io(fs::write(krate.join("Cargo.toml"), manifest), &krate)?;
    let mut cargo = Command::new("/usr/bin/cargo");
    place::forget_xtask(&mut cargo);
    for name in ["CARGO", "RUSTC_WRAPPER", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(name);
    }
    // Without the bitcode, link-time optimisation over std fails.
    cargo
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", krate.join("target"));
    cargo.current_dir(&krate).args(["build", "--release", "--target", wasm::TARGET]);
    cargo.arg("-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro");
    step::build(&mut cargo)?;
    let made = krate.join("target").join(wasm::TARGET).join("release/deps");
    for entry in io(fs::read_dir(&made), &made)? {
        let file = io(entry, &made)?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty") {
            io(fs::copy(file.path(), library.join(&name)), &file.path())?;
        }
    }
    io(fs::remove_dir_all(&krate), &krate)
}

/// Links the compiler's own files, and wraps `rustc` so that it looks here.
fn link_compiler(new: &Path, folder: &Path) -> Result {
    for entry in io(fs::read_dir(RUSTLIB), Path::new(RUSTLIB))? {
        let entry = io(entry, Path::new(RUSTLIB))?;
        io(symlink(entry.path(), new.join("lib/rustlib").join(entry.file_name())), &entry.path())?;
    }
    let bin = new.join("bin");
    io(fs::create_dir_all(&bin), &bin)?;
    for name in ["cargo", "cargo-clippy", "clippy-driver", "rust-lld"] {
        io(symlink(Path::new("/usr/bin").join(name), bin.join(name)), &bin)?;
    }
    for name in ["rustc", "rustdoc"] {
        let wrapper = bin.join(name);
        io(fs::write(&wrapper, format!("#!/bin/sh\nexec /usr/bin/{name} --sysroot '{}' \"$@\"\n", folder.display())), &wrapper)?;
        io(fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)), &wrapper)?;
    }
    Ok(())
}

/// The folder of the sysroot, named by the compiler's version and commit.
fn folder() -> Result<PathBuf> {
    let version = step::output(Command::new(RUSTC).arg("--version").env_remove("LD_LIBRARY_PATH"))?;
    let key: String = version.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect();
    Ok(place::cache()?.join("sysroot").join(key))
}

fn io<T>(result: std::io::Result<T>, path: &Path) -> Result<T> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}
