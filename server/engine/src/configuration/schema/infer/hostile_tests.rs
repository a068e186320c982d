//! Folders that are made to lead elsewhere, or to take long.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::super::collected::Collected;
use super::super::settings::settings;
use super::{Validator, folder, names, of, read, read_folder};
use crate::services::discovery::environment::described;

#[test]
fn links_and_what_others_may_write_are_not_read() {
    let outside = folder(&[("secret.env", "OUTSIDE=1"), ("config.py", "class S(BaseSettings):\n    outside: int\n")]);
    let root = folder(&[
        ("config.py", "class S(BaseSettings):\n    port: int\n"),
        (".env.example", "OPEN=1"),
        ("app/settings.py", "class A(BaseSettings):\n    inner: int\n"),
    ]);
    symlink(outside.path().join("secret.env"), root.path().join(".env")).expect("a link");
    symlink(outside.path().join("config.py"), root.path().join("settings.py")).expect("a link");
    symlink(outside.path(), root.path().join("package")).expect("a link");
    rustix::fs::mkfifoat(rustix::fs::CWD, root.path().join("pipe.py"), rustix::fs::Mode::from_raw_mode(0o600)).expect("a pipe");
    fs::set_permissions(root.path().join(".env.example"), fs::Permissions::from_mode(0o666)).expect("its rights");
    let inferred = read_folder(root.path()).expect("the folder");
    assert_eq!(names(&inferred), ["PORT", "INNER"]);
    assert!(inferred.notes.iter().any(|note| note.starts_with(".env.example isn't read")), "{:?}", inferred.notes);
    fs::set_permissions(root.path().join("app"), fs::Permissions::from_mode(0o777)).expect("its rights");
    let inferred = read_folder(root.path()).expect("the folder");
    assert_eq!(names(&inferred), ["PORT"]);
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).expect("its rights");
    assert!(read_folder(root.path()).expect_err("others may write it").contains("chmod"));
}

#[test]
fn hostile_files_are_read_in_time() {
    let nested = format!("class S(BaseSettings):\n    x: {}int{} = 1\n", "Optional[".repeat(3_000), "]".repeat(3_000));
    let brackets = format!("class S(BaseSettings):\n    x: int = {}1{}\n", "(".repeat(20_000), ")".repeat(20_000));
    let classes = (0..8_000).fold("BaseSettings\n".to_owned(), |all, n| all + &format!("class C{}(C{n}): pass\n", n + 1));
    let fields = (0..8_000).fold("class S(BaseSettings):\n".to_owned(), |all, n| all + &format!("    f{n}: int = {n}\n"));
    let aliases = (0..3_000)
        .fold("class S(BaseSettings):\n    x: T0\n".to_owned(), |all, n| all + &format!("T{n} = Union[T{0}, T{0}, T{0}]\n", n + 1));
    let models = (0..300).fold(
        "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_nested_delimiter='_')\n    x: M0\n".to_owned(),
        |all, n| all + &format!("class M{n}(BaseModel):\n    a: M{0}\n    b: M{0}\n    c: list[M{0}]\n    d: M0\n", n + 1),
    );
    let bases = "class A(B): x: int\nclass B(A, BaseSettings): y: int\nclass C(C): z: int\n".to_owned();
    let deep = (0..600).fold("BaseSettings\n".to_owned(), |all, n| all + &" ".repeat(n) + "class A(BaseSettings):\n");
    let patterns = "class S(BaseSettings):\n    x: str = Field(pattern='(a{1000}){1000}')\n    y: int = Field(1, ge=1)\n".to_owned();
    for (what, source) in [
        ("nested", nested),
        ("brackets", brackets),
        ("classes", classes),
        ("fields", fields),
        ("aliases", aliases),
        ("models", models),
        ("bases", bases),
        ("deep", deep),
        ("patterns", patterns),
    ] {
        let start = std::time::Instant::now();
        let inferred = of(&source);
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{what} took {:?}", start.elapsed());
        assert!(inferred.schema["properties"].as_object().is_some_and(|all| all.len() <= 1_000), "{what}");
        match what {
            "patterns" => {
                assert!(inferred.notes[0].contains("patterns are left out") && inferred.schema["properties"]["Y"]["minimum"] == 1)
            }
            "fields" => assert_eq!(names(&inferred).len(), 1_000),
            "bases" => assert_eq!(names(&inferred), [""; 0]),
            _ => {}
        }
    }
    let many: String = (0..50_000).map(|n| format!("V{n}=1\n")).collect();
    let inferred = read(&[(".env", &many), (".env.example", &many)]);
    assert_eq!(inferred.values.len(), 1_000);
    assert!(!inferred.notes.is_empty());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    #[test]
    fn nothing_makes_reading_fail(
        body in "(    [a-z]{1,3}(: ?(int|str|Optional|list|Literal|Annotated|Union|A|B)?[\\[\\](),|. a'\"]{0,8})?( ?= ?(Field|1|'x'|\\.\\.\\.|None|\\{|[(\\[)\\]},:=]){0,4})?\n|class [AB]\\((A|B|BaseSettings|BaseModel|Enum)?\\):\n|    @field_validator\\('a', mode='before'\\)\n|  class Config:\n| = ){0,14}",
        environment in "([A-C]=|#|['\" \n=a1\\[{]){0,30}",
    ) {
        let module = crate::services::discovery::python::Module::read(&format!("class A(BaseSettings):\n{body}"));
        let mut collected = Collected::default();
        collected.settings(settings(&module));
        collected.examples(described(&environment));
        collected.values(described(&environment));
        let schema = collected.schema(&mut Vec::new());
        proptest::prop_assert!(Validator::new(&schema).is_ok());
    }
}
