//! Taking files, unpacking them, and what is different between two releases.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use api::FileChangeKind;

use super::super::archives::Archives;
use super::{DATA, Manifest, Origin, take, unpack, written};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.entries.keys().map(String::as_str).collect()
}

#[test]
fn a_release_has_the_files_of_its_folder_and_not_what_is_secret_made_or_written() {
    let (folder, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    write(
        folder.path(),
        &[("main.py", "1"), ("app/run.sh", "x"), (".env", "SECRET=1"), ("prod.env", "SECRET=2"), ("app/.env", "no secret of ours")],
    );
    write(
        folder.path(),
        &[(".git/HEAD", "x"), ("__pycache__/main.pyc", "x"), ("my/pyvenv.cfg", ""), ("my/bin/python", ""), ("app/x.pyc", "")],
    );
    write(folder.path(), &[("data/rows.csv", "1"), ("app/data/seed.csv", "1"), ("app.db", "db"), ("app.db-wal", "wal"), ("out.log", "l")]);
    fs::set_permissions(folder.path().join("app/run.sh"), Permissions::from_mode(0o750)).expect("it is ours");
    symlink("main.py", folder.path().join("link.py")).expect("a link");
    let archives = Archives::new(kept.path().join("archives"));
    let (path, file) = archives.begin(1).expect("a file");
    let manifest = take(folder.path(), Origin::Folder, &["prod.env".into()], file).expect("it can be taken");
    assert_eq!(names(&manifest), ["app", "app/.env", "app/data", "app/data/seed.csv", "app/run.sh", "link.py", "main.py"]);
    assert_eq!(manifest.linked(), ["app.db", "app.db-wal", "data", "out.log"]);
    assert_eq!(manifest.size(), (4, 20));

    let digest = archives.keep(&path, &manifest).expect("it is kept");
    assert_eq!(archives.manifest(&digest).expect("it is read").as_ref(), Some(&manifest));
    let to = kept.path().join("v1");
    unpack(archives.open(&digest).expect("it is there"), &manifest, folder.path(), &to).expect("it is unpacked");
    assert_eq!(fs::read_to_string(to.join("link.py")).expect("a link within it"), "1");
    assert_eq!(fs::metadata(to.join("app/run.sh")).expect("a file").permissions().mode() & 0o7777, 0o750);
    fs::write(to.join("app.db"), "changed").expect("it can be written");
    assert_eq!(fs::read_to_string(folder.path().join("app.db")).expect("it is there"), "changed", "the data stays where it was");
    assert!(!to.join(".env").exists());

    assert_eq!(written(&to, &manifest).expect("it is looked at"), [""; 0]);
    write(&to, &[("new.txt", "1"), ("main.py", "2"), ("__pycache__/main.pyc", "x")]);
    assert_eq!(written(&to, &manifest).expect("it is looked at"), ["main.py", "new.txt"]);
}

#[test]
fn the_same_files_have_the_same_name_and_others_another() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &[("main.py", "1"), ("b.txt", "2"), (".env", "A=1")]);
    let digest = || take(folder.path(), Origin::Folder, &[], std::io::sink()).expect("it can be taken").digest();
    let first = digest();
    write(folder.path(), &[(".env", "A=2"), ("b.txt", "2")]);
    assert_eq!(digest(), first, "neither a time nor what is left out counts");
    fs::set_permissions(folder.path().join("b.txt"), Permissions::from_mode(0o600)).expect("it is ours");
    let closed = digest();
    assert_ne!(closed, first);
    write(folder.path(), &[("b.txt", "3")]);
    assert_ne!(digest(), closed);
}

#[test]
fn what_is_different_is_told_by_path() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &[("main.py", "1"), ("old.py", "1"), ("same.py", "1")]);
    let before = take(folder.path(), Origin::Folder, &[], std::io::sink()).expect("it can be taken");
    fs::remove_file(folder.path().join("old.py")).expect("it is ours");
    write(folder.path(), &[("main.py", "2"), ("new/deep.py", "1")]);
    let after = take(folder.path(), Origin::Folder, &[], std::io::sink()).expect("it can be taken");
    let changes = after.changes_since(&before);
    let told: Vec<_> = changes.iter().map(|change| (change.path.as_str(), change.change)).collect();
    assert_eq!(told, [("main.py", FileChangeKind::Changed), ("new/deep.py", FileChangeKind::Added), ("old.py", FileChangeKind::Removed)]);
}

#[test]
fn what_was_begun_and_not_finished_is_made_anew() {
    let (folder, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    write(folder.path(), &[("main.py", "1")]);
    let archives = Archives::new(kept.path().to_owned());
    fs::write(kept.path().join("7.new"), "half of an archive").expect("a file");
    let (path, file) = archives.begin(7).expect("a file");
    let manifest = take(folder.path(), Origin::Folder, &[], file).expect("it can be taken");
    let digest = archives.keep(&path, &manifest).expect("it is kept");
    let to = kept.path().join("v");
    write(&kept.path().join("v.new"), &[("rest.py", "of an attempt before")]);
    unpack(archives.open(&digest).expect("it is there"), &manifest, folder.path(), &to).expect("it is unpacked");
    assert!(to.join("main.py").exists() && !to.join("rest.py").exists());
    archives.remove(&digest);
    assert_eq!(archives.manifest(&digest).expect("none is no failure"), None);
}

#[test]
fn all_of_a_commit_is_a_part_of_the_release_and_what_is_shared_is_what_it_does_not_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let take = || take(folder.path(), Origin::Commit, &[], std::io::sink()).expect("it can be taken");
    fs::write(folder.path().join("main.py"), "1").expect("it is written");
    fs::write(folder.path().join("seed.db"), "1").expect("it is written");
    let first = take();
    assert_eq!((first.size().0, first.linked()), (2, &[DATA.to_owned()][..]));
    // How Pilothouse was started has no part in it.
    fs::set_permissions(folder.path().join("main.py"), Permissions::from_mode(0o600)).expect("it is ours");
    assert_eq!(take().digest(), first.digest());
    fs::set_permissions(folder.path().join("main.py"), Permissions::from_mode(0o700)).expect("it is ours");
    assert_ne!(take().digest(), first.digest());
    fs::create_dir(folder.path().join("data")).expect("it is made");
    fs::write(folder.path().join("data/cities.json"), "[]").expect("it is written");
    let with = take();
    assert_eq!((with.size().0, with.linked()), (3, &[][..]));
}
