use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{Discovery, Found, Requirements, Scan, free_name, read_folder};

/// A services folder with the files given as (path, text).
fn services(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder is made");
        fs::write(path, text).expect("a file is written");
    }
    root
}

fn scan(root: &Path) -> Scan {
    Discovery::default().scan(root, &HashMap::new())
}

fn only(files: &[(&str, &str)]) -> Found {
    let root = services(files);
    let scan = scan(root.path());
    assert_eq!(scan.found.len(), 1, "{:?}", scan.skipped);
    scan.found.into_iter().next().expect("a service").1
}

#[test]
fn a_whole_fastapi_service_is_read() {
    let found = only(&[
        (
            "orders/main.py",
            "\"\"\"Orders.\"\"\"\nfrom fastapi import FastAPI\nfrom config import settings\n\napp = FastAPI(title=\"Orders API\", version=\"9\")\n\nif __name__ == \"__main__\":\n    import uvicorn\n    uvicorn.run(app, host=settings.host, port=settings.port)\n",
        ),
        (
            "orders/config.py",
            "from pydantic_settings import BaseSettings\n\nclass Settings(BaseSettings):\n    host: str = '127.0.0.1'\n    port: int = 8001\n\nsettings = Settings()\n",
        ),
        ("orders/.env", "PORT=8002\nDATABASE_URL=sqlite://\n"),
        ("orders/pyproject.toml", "[project]\nname = 'x'\nversion = '1.2.3'\ndescription = 'Takes orders'\ndependencies = ['fastapi']\n"),
        ("orders/requirements.txt", "# web\nfastapi==0.115\nuvicorn[standard]\n\n-r more.txt\n"),
        ("orders/README.md", "# Orders\n\nSomething else on port 9000.\n"),
    ]);
    assert_eq!(
        found,
        Found {
            template_type: "fastapi".into(),
            name: None,
            command: vec!["python".into(), "main.py".into()],
            port: Some(8002),
            description: Some("Takes orders".into()),
            version: Some("1.2.3".into()),
            requirements: Some(Requirements::File { count: 2 }),
        }
    );
}

#[test]
fn the_command_follows_the_main_part_and_the_application() {
    let uvicorn = |target: &str| format!("python -m uvicorn {target} --host 127.0.0.1 --port $PORT");
    for (file, source, command) in [
        ("main.py", "from fastapi import FastAPI\napp = FastAPI()\n", uvicorn("main:app")),
        ("app.py", "import fastapi\napi: fastapi.FastAPI = fastapi.FastAPI(\n title='x',\n)\n", uvicorn("app:api")),
        ("main.py", "from fastapi import FastAPI as F\nservice = F()\n", uvicorn("main:service")),
        ("main.py", "from factory import create_app\napp = create_app()\n", uvicorn("main:app")),
        ("main.py", "from fastapi import FastAPI\napp = FastAPI()\nif __name__ == '__main__':\n    run()\n", "python main.py".into()),
        ("main.py", "from fastapi import FastAPI\ndef make():\n    app = FastAPI()\n    return app\n", "python main.py".into()),
        ("main.py", "# app = FastAPI()\nprint('batch')\n", "python main.py".into()),
        ("app.py", "from flask import Flask\napp = Flask(__name__)\napp.run(port=8001)\n", "python app.py".into()),
        ("main.py", "", "python main.py".into()),
    ] {
        let path = format!("one/{file}");
        assert_eq!(only(&[(&path, source)]).command.join(" "), command, "{source}");
    }
}

#[test]
fn main_comes_before_app_and_folders_without_either_are_no_services() {
    let root =
        services(&[("a/main.py", ""), ("a/app.py", ""), ("docs/readme.py", ""), (".hidden/main.py", ""), ("__pycache__/main.py", "")]);
    let scan = scan(root.path());
    assert_eq!(scan.found.len(), 1);
    assert_eq!(scan.found[0].1.command, ["python", "main.py"]);
    assert!(scan.skipped.is_empty(), "{:?}", scan.skipped);
}

#[test]
fn the_port_comes_from_the_first_place_that_decides_it() {
    let main = ("s/main.py", "from fastapi import FastAPI\napp = FastAPI()\n");
    for (files, port) in [
        (vec![main, ("s/config.py", "PORT = 8001"), ("s/.env", "PORT=8002")], Some(8001)),
        (vec![main, ("s/config.py", "class S(B):\n  port: int = 8001"), ("s/.env", "PORT=8002")], Some(8002)),
        (vec![main, ("s/config.py", "class S(B):\n  port: int = 8001"), ("s/Dockerfile", "EXPOSE 8003")], Some(8001)),
        (vec![main, ("s/Dockerfile", "EXPOSE 8003"), ("s/README.md", "http://localhost:8004")], Some(8003)),
        (vec![main, ("s/README.md", "Run it: `uvicorn main:app --port 8004`")], Some(8004)),
        (vec![main, ("s/pyproject.toml", "[tool.pilothouse]\nport = 8005"), ("s/config.py", "PORT = 8001")], Some(8005)),
        (vec![main, ("s/.env", "PORT=not a number")], None),
        (vec![main], None),
    ] {
        assert_eq!(only(&files).port, port, "{files:?}");
    }
}

#[test]
fn description_and_version_come_from_where_people_write_them() {
    let described = "from fastapi import FastAPI\napp = FastAPI(title='T', description='''From\n  the code''', version='2.0')";
    let readme = "# Title\n[![badge](x)](y)\n\n```sh\nrun\n```\n\nWhat it *does*,\nin two lines.\n\nMore.";
    for (files, description, version) in [
        (vec![("s/main.py", described), ("s/README.md", readme)], Some("From the code"), Some("2.0")),
        (vec![("s/main.py", ""), ("s/README.md", readme)], Some("What it *does*, in two lines."), None),
        (vec![("s/main.py", ""), ("s/README.md", "Title\n=====\nUnder it.")], Some("Under it."), None),
        (
            vec![("s/main.py", ""), ("s/README.md", "Keeps `orders` for [the **shop**](https://shop.example/a_b) and [x].")],
            Some("Keeps orders for the shop and [x]."),
            None,
        ),
        (vec![("s/main.py", "'''The docstring.\n\nMore.'''"), ("s/config.py", "VERSION = '3'")], Some("The docstring."), Some("3")),
        (vec![("s/main.py", "from fastapi import FastAPI\napp = FastAPI(title='Only a title')")], Some("Only a title"), None),
        (vec![("s/main.py", ""), ("s/pyproject.toml", "[tool.poetry]\ndescription='P'\nversion='4'")], Some("P"), Some("4")),
        (vec![("s/main.py", ""), ("s/config.py", "class S(B):\n  description: str = 'Of the settings'\n")], Some("Of the settings"), None),
    ] {
        let found = only(&files);
        assert_eq!((found.description.as_deref(), found.version.as_deref()), (description, version), "{files:?}");
    }
}

#[test]
fn what_is_set_for_pilothouse_comes_first() {
    let project = "[tool.pilothouse]\nname = 'billing'\ncommand = ['python', '-m', 'billing', '--port', '8009']\n[project]\ndependencies = ['fastapi', '--evil']";
    let found = only(&[("s/main.py", ""), ("s/pyproject.toml", project)]);
    assert_eq!(found.name.as_deref(), Some("billing"));
    assert_eq!(found.command.join(" "), "python -m billing --port 8009");
    assert_eq!(found.port, Some(8009));
    assert_eq!(found.requirements, Some(Requirements::List(vec!["fastapi".into()])), "an option is not a requirement");
}

#[test]
fn links_are_not_followed() {
    let outside = services(&[("main.py", "PORT = 1"), ("secret", "description = 'secret'")]);
    let root = services(&[("real/main.py", "")]);
    symlink(outside.path(), root.path().join("linked")).expect("a link");
    symlink(outside.path().join("secret"), root.path().join("real/config.py")).expect("a link");
    fs::create_dir(root.path().join("inner")).expect("a folder");
    symlink(outside.path().join("main.py"), root.path().join("inner/main.py")).expect("a link");
    let scan = scan(root.path());
    assert_eq!(scan.found.len(), 1);
    assert_eq!(scan.found[0].1.description, None);
    assert_eq!(scan.skipped.len(), 1);
    assert!(scan.skipped[0].folder.ends_with("linked") && scan.skipped[0].reason.contains("link"), "{:?}", scan.skipped);
}

#[test]
fn what_others_may_write_is_refused_with_the_command_that_mends_it() {
    let root = services(&[("open/main.py", ""), ("file/main.py", ""), ("good/main.py", "")]);
    let open = |path: &str, mode| fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(mode)).expect("a mode");
    open("open", 0o777);
    open("file/main.py", 0o664);
    let found = scan(root.path());
    assert_eq!(found.found.len(), 1);
    assert_eq!(found.skipped.len(), 2);
    for (skipped, what) in found.skipped.iter().zip(["file/main.py", "open"]) {
        assert!(skipped.reason.contains(&format!("chmod go-w '{}'", root.path().join(what).display())), "{}", skipped.reason);
    }
    open("", 0o777);
    let refused = scan(root.path());
    assert!(refused.found.is_empty() && refused.skipped.len() == 1 && !refused.is_complete, "a services folder that others may write");
}

#[test]
fn huge_broken_and_strange_files_do_no_harm() {
    let huge = format!("from fastapi import FastAPI\n{}\nPORT = 1\n", "x = '".repeat(1 << 19));
    let root = services(&[
        ("huge/main.py", &huge),
        ("deep/main.py", &"uvicorn.run(".repeat(80_000)),
        ("broken/main.py", "def ("),
        ("broken/pyproject.toml", "[[[["),
        ("naïve name!/main.py", ""),
    ]);
    fs::create_dir_all(root.path().join("odd/main.py")).expect("a folder in place of a file");
    let binary = root.path().join("binary");
    fs::create_dir(&binary).expect("a folder");
    fs::write(binary.join("main.py"), [0xff, 0xfe, 0, b'\n', 0x80]).expect("a file");
    fs::create_dir(root.path().join("fifo")).expect("a folder");
    fs::write(root.path().join("fifo/main.py"), "").expect("a file");
    rustix::fs::mknodat(rustix::fs::CWD, root.path().join("fifo/.env"), rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
    let scan = scan(root.path());
    assert_eq!(scan.found.len(), 6, "{:?}", scan.skipped);
    assert_eq!(scan.found.iter().find(|(path, _)| path.ends_with("huge")).expect("it").1.template_type, "fastapi");
}

#[test]
fn only_what_has_changed_is_read_again() {
    let root = services(&[("a/main.py", "PORT = 8001"), ("b/main.py", "")]);
    let mut discovery = Discovery::default();
    assert_eq!(discovery.scan(root.path(), &HashMap::new()).found[0].1.port, Some(8001));
    fs::write(root.path().join("a/main.py"), "PORT = 80020 // 10").expect("a change");
    fs::write(root.path().join("a/.env"), "PORT=8002").expect("a new file");
    fs::remove_dir_all(root.path().join("b")).expect("removed");
    let again = discovery.scan(root.path(), &HashMap::new());
    assert_eq!(again.found.len(), 1);
    assert_eq!(again.found[0].1.port, Some(8002));
}

#[test]
fn a_services_folder_that_is_not_there_is_said_to_be() {
    let scan = scan(Path::new("/nonexistent/services"));
    assert!(!scan.is_complete && scan.found.is_empty());
    assert!(scan.skipped[0].reason.contains("isn't there"), "{}", scan.skipped[0].reason);
    assert!(read_folder(Path::new("/nonexistent")).is_err());
}

#[test]
fn names_are_cleaned_and_made_unique() {
    let none = |_: &str| false;
    for (name, clean) in
        [("orders", "orders"), ("my service!", "my-service"), ("-rf", "rf"), ("…", "service"), (&"x".repeat(80), &"x".repeat(63))]
    {
        assert_eq!(free_name(name, none), clean);
        assert!(api::is_service_name(&free_name(name, none)));
    }
    assert_eq!(free_name("a", |name| name == "a" || name == "a-2"), "a-3");
    assert_eq!(free_name(&"x".repeat(63), |name| name.len() == 63 && !name.ends_with("-2")).len(), 63);
}
