//! Keeps the relocations in the linked module: `cargo xtask site` splits it by them.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=--emit-relocs");
    println!("cargo::rerun-if-changed=build.rs");
}
