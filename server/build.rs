//! Lets the server compile before the site is built: what it embeds is then empty.

use std::fs;
use std::path::Path;

fn main() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    if let Err(error) = fs::create_dir_all(&dist) {
        println!("cargo::error=can't make {}: {error}", dist.display());
    }
    // Debug builds read it when they run.
    let read_by_the_build =
        if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") { dist } else { Path::new("build.rs").to_owned() };
    println!("cargo::rerun-if-changed={}", read_by_the_build.display());
}
