//! Rules of the repository that no other tool knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::place;
use crate::step::{self, Result, Steps};

/// No tracked file may be larger, but for those that are only read by their differences: lock files, and the agreed document of the API, which grows
/// with every operation.
const LARGEST: u64 = 300_000;

/// Written in two parts, so that this file doesn't contain them itself.
const FOREIGN: [(&str, &str); 8] = [
    ("static.crates", ".io"),
    ("index.crates", ".io"),
    ("registry.npmjs", ".org"),
    ("files.pythonhosted", ".org"),
    ("deb.debian", ".org"),
    ("/root/", ".cargo"),
    ("/home/", "runner"),
    ("\"/wo", "rk/"),
];

/// Looks at every tracked file, and at the two folders of migrations.
pub fn check(steps: &Steps) -> Result {
    steps.take("Check the repository", || {
        let mut faults = Vec::new();
        let listed = step::output(Command::new("git").current_dir(place::root()).args(["ls-files", "-z"]))?;
        for name in listed.split('\0').filter(|name| !name.is_empty()) {
            look_at(&place::root().join(name), name, &mut faults);
        }
        compare_migrations(&mut faults);
        if faults.is_empty() { Ok(()) } else { Err(format!("the repository breaks its rules:\n  {}", faults.join("\n  "))) }
    })
}

fn look_at(file: &Path, name: &str, faults: &mut Vec<String>) {
    // A file that was removed and is still tracked has no content to look at.
    let Ok(content) = fs::read(file) else { return };
    let may_be_large = ["Cargo.lock", "package-lock.json", "openapi.snap"];
    let is_large = content.len() as u64 > LARGEST;
    if is_large && !file.file_name().and_then(|name| name.to_str()).is_some_and(|name| may_be_large.contains(&name)) {
        faults.push(format!("{name}: {} bytes are more than {LARGEST}", content.len()));
    }
    let text = String::from_utf8_lossy(&content);
    for (start, end) in FOREIGN {
        let foreign = format!("{start}{end}");
        if let Some(line) = text.lines().position(|line| line.contains(&foreign)) {
            faults.push(format!("{name}:{}: names {foreign}, which is of one machine or registry", line + 1));
        }
    }
}

fn compare_migrations(faults: &mut Vec<String>) {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(place::root().join("migrations").join(folder)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    for name in sqlite.symmetric_difference(&postgres) {
        faults.push(format!("migrations: {name} is there for one database only"));
    }
}
