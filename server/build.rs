//! Lets the server compile before the site is built: what it embeds is then empty.

use std::fs;
use std::path::Path;

fn main() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    if let Err(error) = fs::create_dir_all(&dist) {
        println!("cargo::error=can't make {}: {error}", dist.display());
    }
    println!("cargo::rerun-if-changed={}", dist.display());
}
