use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use api::{ServiceSpec, Source};

use super::uv_lock::{For, Pins};
use super::{Inherited, Launch, Plan, Planner};
use crate::runtime::Prepare;

/// What uv 0.13 has made of [`PROJECT`], without sizes and times.
const LOCK: &str = include_str!("shop.uv.lock");
const PROJECT: &str = r#"
[project]
name = "shop"
version = "1.0.0"
requires-python = ">=3.9"
dependencies = ["click", "httpx[http2]", "idna==3.6; python_version < '3.10'", "idna==3.10; python_version >= '3.10'"]
[project.optional-dependencies]
pretty = ["wcwidth"]
[dependency-groups]
dev = ["iniconfig"]
"#;
const HASH: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn interpreter(version: &str, system: &str) -> BTreeMap<String, String> {
    let minor = version.rsplit_once('.').expect("three numbers").0;
    let values =
        [("python_full_version", version), ("python_version", minor), ("sys_platform", system), ("implementation_name", "cpython")];
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// What of `text` is installed, without its hashes.
fn of(text: &str, project: &str, version: &str, system: &str) -> Result<Vec<String>, String> {
    let pins = Pins::of(text, For { interpreter: &interpreter(version, system), project })?;
    let hashed = pins.hashed.iter().map(|line| line.split(" --hash=").next().unwrap_or_default().to_owned());
    Ok(hashed.chain(pins.unhashed.clone()).collect())
}

/// A lock of a project that depends on `first` and `second`, which `packages` says more of.
fn lock(packages: &str) -> String {
    let root = "[[package]]\nname = 'shop'\nsource = { virtual = '.' }\ndependencies = [{ name = 'first' }, { name = 'second' }]\n";
    let index = "{ registry = 'https://index.example.org/simple' }";
    let second = format!("[[package]]\nname = 'second'\nversion = '2'\nsource = {index}\nsdist = {{ hash = '{HASH}' }}\n");
    format!("version = 1\nrevision = 3\n{root}{second}{packages}")
}

/// A lock whose `first` comes from there.
fn from(source: &str) -> String {
    lock(&format!("[[package]]\nname = 'first'\nversion = '1'\nsource = {source}\n"))
}

#[test]
fn what_the_project_reaches_is_pinned_as_the_interpreter_is() {
    let common = ["certifi==2026.10.19.post1", "h11==0.16.0", "httpcore==1.0.9", "httpx==0.28.1", "hyperframe==6.1.0"];
    let newer = ["anyio==4.16.0", "click==8.5.1", "h2==4.4.1", "hpack==4.2.0", "idna==3.10"];
    let older = ["anyio==4.12.1", "click==8.1.8", "h2==4.3.0", "hpack==4.1.0", "idna==3.6"];
    let typing = ["exceptiongroup==1.3.2", "typing-extensions==4.16.0"];
    for (version, system, more) in [
        ("3.11.7", "linux", [&newer[..], &typing[1..]].concat()),
        ("3.10.1", "linux", [&newer[..], &typing].concat()),
        ("3.15.0", "linux", newer.to_vec()),
        ("3.9.2", "linux", [&older[..], &typing].concat()),
        ("3.9.2", "win32", [&older[..], &typing, &["colorama==0.4.6"]].concat()),
    ] {
        let mut expected: Vec<_> = common.iter().copied().chain(more).map(String::from).collect();
        expected.sort();
        assert_eq!(of(LOCK, PROJECT, version, system), Ok(expected), "{version} {system}");
    }
}

#[test]
fn each_is_told_with_the_hashes_of_the_files_that_it_may_be() {
    let pins = Pins::of(LOCK, For { interpreter: &interpreter("3.11.7", "linux"), project: PROJECT }).expect("pins");
    let idna = "idna==3.10 --hash=sha256:12f65c9b470abda6dc35cf8e63cc574b1c52b11df2c86030af0ac09b01b13ea9 \
                --hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3";
    assert!(pins.hashed.iter().any(|line| line == idna), "{:#?}", pins.hashed);
    assert_eq!((pins.count(), pins.unhashed.len()), (11, 0));

    let wheel = |number: usize, name: &str| format!("{{ url = 'https://x/first-1-{name}.whl', hash = 'sha256:{number:064}' }},");
    let names = [
        "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp311-cp311-macosx_11_0_arm64",
        "cp311-cp311-win_amd64",
        "cp312-cp312-manylinux_2_28_aarch64",
        "cp39-abi3-musllinux_1_2_x86_64",
        "pp310-pypy310_pp73-manylinux_2_17_x86_64",
        "py3-none-any",
    ];
    let wheels: String = names.iter().enumerate().map(|(number, name)| wheel(number, name)).collect();
    let text = from(&format!("{{ registry = 'https://index.example.org/simple' }}\nwheels = [{wheels}]"));
    let of = |version: &str, system: &str| {
        let pins = Pins::of(&text, For { interpreter: &interpreter(version, system), project: "" }).expect("pins");
        let line = pins.hashed.into_iter().find(|line| line.starts_with("first==1 ")).expect("it has hashes");
        line.split("sha256:")
            .skip(1)
            .map(|hash| hash.trim().trim_end_matches(" --hash=").parse().expect("a number"))
            .collect::<Vec<usize>>()
    };
    assert_eq!(of("3.11.7", "linux"), [0, 4, 6]);
    assert_eq!(of("3.12.1", "linux"), [3, 4, 6]);
    assert_eq!(of("3.11.7", "darwin"), [0, 1, 2, 4, 6], "what can't be told may be");
}

#[test]
fn git_and_addresses_are_named_as_pip_names_them_and_only_what_has_a_hash_needs_one() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (source, requirement) in [
        (format!("{{ git = 'https://example.org/a.git?rev=v1#{commit}' }}"), format!("first @ git+https://example.org/a.git@{commit}")),
        (
            format!("{{ git = 'ssh://git@example.org/a?subdirectory=python%2Fa&tag=v1#{commit}' }}"),
            format!("first @ git+ssh://git@example.org/a@{commit}#subdirectory=python%2Fa"),
        ),
        ("{ url = 'https://example.org/first-1.tar.gz' }".into(), "first @ https://example.org/first-1.tar.gz".into()),
        ("{ registry = 'https://index.example.org/simple' }".into(), "first==1".into()),
    ] {
        let pins = Pins::of(&from(&source), For { interpreter: &interpreter("3.11.7", "linux"), project: "" }).expect("pins");
        assert_eq!((pins.hashed, pins.unhashed), (vec![format!("second==2 --hash={HASH}")], vec![requirement]), "{source}");
    }
    let source = format!("{{ url = 'https://example.org/first-1.tar.gz' }}\nsdist = {{ hash = '{HASH}' }}");
    let pins = Pins::of(&from(&source), For { interpreter: &interpreter("3.11.7", "linux"), project: "" }).expect("pins");
    assert_eq!(pins.hashed[0], format!("first @ https://example.org/first-1.tar.gz --hash={HASH}"));
}

#[test]
fn a_virtual_package_is_not_installed_but_what_it_needs() {
    let text = from("{ virtual = 'common' }\ndependencies = [{ name = 'third' }, { name = 'shop' }]");
    let third = "[[package]]\nname = 'third'\nversion = '3'\nsource = { registry = 'https://index.example.org/simple' }\n";
    assert_eq!(of(&format!("{text}{third}"), "", "3.11.7", "linux"), Ok(["second==2", "third==3"].map(String::from).into()));
}

#[test]
fn the_project_is_found_by_its_name_among_the_members_of_a_workspace() {
    let text = from("{ url = 'https://example.org/first-1.tar.gz' }").replace("virtual = '.'", "editable = 'packages/shop'");
    assert_eq!(of(&text, "[project]\nname = 'Shop'\n", "3.11.7", "linux").map(|all| all.len()), Ok(2));
    let why = of(&text, "[project]\nname = 'other'\n", "3.11.7", "linux").expect_err("it has no project");
    assert!(why.contains("no project in this folder") && why.contains("uv lock"), "{why}");
}

#[test]
fn what_can_not_be_honoured_is_said_with_what_to_do() {
    let git = "{ git = 'https://example.org/a?rev=main' }";
    let registry = "{ registry = 'https://index.example.org/simple' }";
    let list = "[project]\nname = 'shop'\ndependencies = ['first>1', 'Not_There[x]>=2']\n";
    let twice = format!("{}[[package]]\nname = 'first'\nversion = '2'\nsource = {registry}\n", from(registry));
    let many: String = (0..20_000).map(|n| format!("{{ url = 'https://x/first-1.zip', hash = 'sha256:{n:064}' }},")).collect();
    for (text, project, parts) in [
        (from("{ directory = '../shared' }"), "", ["'first' from '../shared'", ".venv"]),
        (from("{ editable = 'packages/first' }"), "", ["'first' from 'packages/first'", "publish it"]),
        (from("{ path = 'first-1-py3-none-any.whl' }"), "", ["'first' from 'first-1-py3-none-any.whl'", "publish it"]),
        (from("{ registry = '../wheels' }"), "", ["'first' from '../wheels'", "publish it"]),
        (from(git), "", ["says of 'first' what no lock says", "uv lock"]),
        (from(registry).replace("'1'", "'1 --index-url https://x'"), "", ["says of 'first'", "uv lock"]),
        (from("{ url = 'https://x/a b' }"), "", ["says of 'first'", "uv lock"]),
        (from(registry).replace("name = 'first' }", "name = 'first', marker = 'moon == full' }"), "", ["moon == full", "uv lock"]),
        (lock(""), "", ["which 'first' is meant", "uv lock"]),
        (twice, "", ["which 'first' is meant", "uv lock"]),
        (from(registry), list, ["asks for 'not-there' as well", "uv lock"]),
        (format!("{}<<<<<<< HEAD\n", lock("")), "", ["can't be understood (line 12:", "uv lock"]),
        ("version = 1\npackage = 7\n".into(), "", ["can't be understood (line 2:", "uv lock"]),
        ("version = 2\npackage = 7\n".into(), "", ["of version 2", "update Pilothouse"]),
        ("version = 2\n".into(), "", ["of version 2", "uv export"]),
        ("version = 1\n".into(), "", ["no project in this folder", "[project]"]),
        (from(registry).replace("revision", "requires-python = '>=3.12'\nrevision"), "", ["for Python >=3.12", "is 3.11.7"]),
        (from(&format!("{registry}\nwheels = [{many}]")), "", ["more files than pip can be told", "uv export"]),
    ] {
        let why = of(&text, project, "3.11.7", "linux").expect_err("it can't be honoured");
        assert!(why.starts_with("its uv.lock ") && parts.iter().all(|part| why.contains(part)), "{why}\n{parts:?}");
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        files.iter().for_each(|(name, text)| folder.write(name, text));
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a file");
    }

    /// Its virtual environment, when it has one, and what makes it.
    async fn prepare(&self) -> api::Result<Option<Prepare>> {
        let inherited = Inherited::of([("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())]);
        let planner = Planner::new(inherited, &self.0.path().join("data"), Path::new("/opt/pilothouse"));
        let spec = ServiceSpec::new(Source::Folder { folder: self.0.path().display().to_string() });
        let plan = Plan { name: "shop", spec: &spec, told: None, pinned: None, last_port: None, reserved: &BTreeMap::new(), held: None };
        let Launch::Process(launch) = planner.plan(plan).await?.launch else { panic!("a process") };
        Ok(launch.prepare)
    }

    /// The steps of making its environment, and what names that.
    async fn steps(&self) -> (Vec<(String, Vec<String>)>, std::path::PathBuf) {
        let prepare = self.prepare().await.expect("a plan").expect("an environment is to be made");
        (prepare.steps.into_iter().map(|step| (step.label, step.command)).collect(), prepare.marker)
    }
}

#[tokio::test]
async fn a_lock_is_installed_by_its_hashes_and_nothing_besides() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let text = from(&format!("{{ git = 'https://example.org/a?rev=v1#{commit}' }}"));
    let folder =
        Folder::with(&[("main.py", ""), ("pyproject.toml", "[project]\nname = 'shop'\ndependencies = ['first']\n"), ("uv.lock", &text)]);
    let (steps, first) = folder.steps().await;
    let labels: Vec<_> = steps.iter().map(|(label, _)| label.as_str()).collect();
    let expected = [
        "making a virtual environment",
        "writing down what its uv.lock pins",
        "installing 1 requirement",
        "installing 1 requirement that its uv.lock has no hash of",
    ];
    assert_eq!(labels, expected);
    let file = first.with_file_name("pilothouse-requirements.txt").display().to_string();
    assert_eq!(steps[1].1[4..], [file.clone(), format!("second==2 --hash={HASH}")]);
    assert_eq!(steps[2].1[1..4], ["-m", "pip", "install"]);
    assert!(steps[2].1.ends_with(&["--no-deps", "--require-hashes", "-r", &file].map(String::from)), "{:?}", steps[2].1);
    let git = format!("first @ git+https://example.org/a@{commit}");
    assert!(steps[3].1.ends_with(&["--no-deps", "--", &git].map(String::from)), "{:?}", steps[3].1);

    assert_eq!(folder.steps().await.1, first, "the same is shared");
    folder.write("uv.lock", &text.replace("0123456789abcdef'", "0123456789abcdee'"));
    let other = folder.steps().await.1;
    assert_ne!(other, first, "another hash is another file");
    folder.write("uv.lock", &text.replace(commit, &commit.replace('0', "f")));
    assert!(![first, other].contains(&folder.steps().await.1), "another commit is other code");
}

#[tokio::test]
async fn a_lock_comes_after_a_requirements_file_and_before_the_list_of_the_project() {
    let folder = Folder::with(&[("main.py", ""), ("pyproject.toml", PROJECT)]);
    let (steps, unlocked) = folder.steps().await;
    assert_eq!(steps[1].0, "installing 4 requirements");
    folder.write("uv.lock", LOCK);
    let (steps, locked) = folder.steps().await;
    assert!(steps[1].1.iter().any(|line| line.starts_with("httpcore==1.0.9 --hash=sha256:")), "{steps:?}");
    assert_ne!(locked, unlocked);
    folder.write("requirements.txt", "idna\n");
    assert_eq!(folder.steps().await.0[1].0, "installing 1 requirement");
    fs::remove_file(folder.0.path().join("requirements.txt")).expect("it was there");
    folder.write("uv.lock", "version = 1\n[[package]]\nname = 'shop'\nsource = { virtual = '.' }\n");
    folder.write("pyproject.toml", "[project]\nname = 'shop'\n");
    assert_eq!(folder.prepare().await.expect("a plan"), None, "nothing is needed");
}

#[tokio::test]
async fn a_lock_that_is_no_use_is_told_at_the_launch_and_never_passed_over() {
    let folder = Folder::with(&[("main.py", ""), ("pyproject.toml", PROJECT), ("uv.lock", "<<<<<<< HEAD")]);
    let found = crate::services::discovery::read_folder(folder.0.path());
    assert!(found.is_ok_and(|found| found.is_some_and(|found| found.requirements.is_some())), "it is found all the same");
    let why = async || folder.prepare().await.expect_err("it can't be installed").message;
    assert!(why().await.starts_with("its uv.lock can't be understood (line 1"), "{}", why().await);
    let lock = folder.0.path().join("uv.lock");
    fs::File::create(&lock).and_then(|file| file.set_len((16 << 20) + 1)).expect("a large file");
    assert!(why().await.starts_with("its uv.lock has more than 16 MiB"), "{}", why().await);
    fs::remove_file(&lock).expect("it was there");
    symlink("other.lock", &lock).expect("a link");
    assert!(why().await.starts_with("its uv.lock can't be read: it is a link"), "{}", why().await);
}
