//! A migration that is added must be seen: the macro that embeds them only watches those it has.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
