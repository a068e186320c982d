//! The compiler for WebAssembly: the ambient one where rustup can add the target, otherwise Debian's with a standard library built here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Result, Steps};
use crate::{debian, place, sysroot};

/// The target that browsers run.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that can build for [`TARGET`].
pub enum Compiler {
    /// The one that cargo uses here anyway.
    Ambient,
    /// Debian's, with the private sysroot in this folder.
    Debian(PathBuf),
}

impl Compiler {
    /// Finds the compiler, or installs it. `PILOTHOUSE_WASM_COMPILER=debian` leaves the ambient one alone.
    pub fn get(steps: &Steps) -> Result<Self> {
        let only_debian = env::var_os("PILOTHOUSE_WASM_COMPILER").is_some_and(|choice| choice == "debian");
        if !only_debian && ambient_has_target() {
            return Ok(Self::Ambient);
        }
        if let Some(folder) = sysroot::find()? {
            return Ok(Self::Debian(folder));
        }
        if !only_debian && place::find_program("rustup").is_some() {
            let added = steps.take("Add the WebAssembly target", || step::run(Command::new("rustup").args(["target", "add", TARGET])));
            if added.is_ok() && ambient_has_target() {
                return Ok(Self::Ambient);
            }
        }
        if !debian::has(sysroot::PACKAGES[0]) {
            return Err(format!("the compiler has no WebAssembly target. Add it by: rustup target add {TARGET}"));
        }
        sysroot::build(steps).map(Self::Debian)
    }

    /// A cargo command that builds for the browser, in a target folder of its own.
    pub fn cargo(&self) -> Result<Command> {
        let mut command = match self {
            Self::Ambient => place::cargo(),
            Self::Debian(_) => Command::new("/usr/bin/cargo"),
        };
        command.current_dir(place::root());
        self.prepare(&mut command, &[])?;
        Ok(command)
    }

    /// Lets a command (trunk) use this compiler, and the tools in `folders`.
    pub fn prepare(&self, command: &mut Command, folders: &[PathBuf]) -> Result {
        place::forget_xtask(command);
        command.env("CARGO_TARGET_DIR", target_folder());
        let mut folders = folders.to_vec();
        if let Self::Debian(sysroot) = self {
            for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER"] {
                command.env_remove(name);
            }
            // clippy-driver doesn't go through the wrapper; it is told by this variable.
            command.env("SYSROOT", sysroot);
            folders.insert(0, sysroot.join("bin"));
        }
        place::put_on_path(command, &folders)
    }
}

/// Where builds for the browser go.
pub fn target_folder() -> PathBuf {
    place::root().join("target/wasm")
}

fn ambient_has_target() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    step::output(Command::new(rustc).args(["--print", "sysroot"]))
        .is_ok_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir())
}
