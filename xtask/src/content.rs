//! Files under a folder, and a hash of their names and content.

use std::fs;
use std::path::{Path, PathBuf};

use crate::place;
use crate::step::Result;

/// All files under a folder, sorted; the path itself when it is a file; none when it doesn't exist.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(path, &mut found).map_err(|error| format!("{}: {error}", path.display()))?;
    found.sort();
    Ok(found)
}

/// A hash (64-bit FNV-1a) over the names and the content of all files under the paths: enough to see a change, not to withstand a forger.
pub fn hash(paths: &[PathBuf]) -> Result<u64> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for path in paths {
        for file in files(path)? {
            let content = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            add(file.strip_prefix(place::root()).unwrap_or(&file).as_os_str().as_encoded_bytes());
            add(&content);
        }
    }
    Ok(hash)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_file() {
        found.push(path.to_owned());
    } else if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_and_a_renamed_file_change_the_hash() {
        let folder = std::env::temp_dir().join(format!("pilothouse-content-{}", std::process::id()));
        fs::create_dir_all(folder.join("sub")).expect("a folder");
        let paths = [folder.clone()];
        fs::write(folder.join("sub/a"), "one").expect("a file");
        let first = hash(&paths).expect("a hash");
        assert_eq!(first, hash(&paths).expect("a hash"));
        fs::write(folder.join("sub/a"), "two").expect("a file");
        let second = hash(&paths).expect("a hash");
        assert_ne!(first, second);
        fs::rename(folder.join("sub/a"), folder.join("sub/b")).expect("a rename");
        assert_ne!(second, hash(&paths).expect("a hash"));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
