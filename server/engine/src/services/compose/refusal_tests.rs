//! Files that can't be read as a whole, and those that would like to do harm.

use std::collections::BTreeMap;

use api::{COMPOSE_BYTES, COMPOSE_SERVICES};

use super::{Given, read};

fn reading(file: &str) -> api::Result<api::ComposeReport> {
    let variables = BTreeMap::from([("A".to_owned(), "x".repeat(1 << 16))]);
    read(file, &Given { project: Some("p"), variables: &variables, profiles: &[], folder: None, env_file: &|_| Ok(Vec::new()) })
}

/// What is said of a file that is refused at `/compose`.
fn refusal(file: &str) -> String {
    let shown: String = file.chars().take(80).collect();
    let error = reading(file).expect_err(&shown);
    assert_eq!(error.details[0].field, "/compose", "{shown}");
    assert!(error.message.len() < 400, "{shown}: {}", error.message);
    error.message
}

#[test]
fn a_file_that_is_none_is_refused_with_its_line() {
    let table = [
        ("", "a Compose file is a mapping with 'services' in it, and this isn't one"),
        ("- a\n- b", "a Compose file is a mapping with 'services' in it, and this isn't one"),
        ("just text", "a Compose file is a mapping with 'services' in it, and this isn't one"),
        ("# nothing", "a Compose file is a mapping with 'services' in it, and this isn't one"),
        ("name: shop", "a Compose file has 'services', and this has none"),
        ("services:", "a Compose file has 'services', and this has none"),
        ("services: {}", "a Compose file has 'services', and this has none"),
        ("services: [a]", "'services' has to be a mapping of names to services"),
        ("services: {a: {image: a}}\nvolumes: [a]", "'volumes' has to be a mapping of names"),
        ("services: {a: {image: a}}\nnetworks: 5", "'networks' has to be a mapping of names"),
        ("services:\n  a:\n    image: a\n    image: b\n", "line 4: 'image' is there twice"),
        ("services:\n  a: {image: a}\n  a: {image: b}\n", "line 3: 'a' is there twice"),
        ("services:\n  a: [1\n", "line 2: it isn't YAML: "),
        ("services:\n  a:\n\t- b", "line 3: it isn't YAML: "),
        ("a: 1\n---\nb: 2", "a second document begins here"),
        ("services:\n  a: *nobody", "line 2: there is no anchor of the name that this alias has"),
        ("a: &x [*x]", "line 1: the alias is inside of what it stands for"),
        ("~: 1", "line 1: a key is empty"),
        ("{[a]: 1}", "line 1: it isn't YAML: "),
        ("\u{1f600}: \u{0}", "line 1: it isn't YAML: "),
        ("include: [other.yaml]\nservices: {a: {image: a}}", "it includes other files, and Pilothouse reads one: write it out in one file"),
        ("services:\n  a: {image: 'a:$'}", "services.a.image: 'a:$' has a '$' that begins no variable"),
        ("services:\n  a: {image: '${X:?say which}'}", "services.a.image: the variable X has to be set: say which"),
        (
            "services: {a: {image: a, depends_on: [b]}, b: {image: b, links: [a]}}",
            "services need one another in a circle: a needs b, b needs a",
        ),
    ];
    for (file, message) in table {
        assert!(refusal(file).contains(message), "{file}: {}", refusal(file));
    }
}

#[test]
fn a_file_may_not_be_larger_than_one_is() {
    let small = "services: {a: {image: a}}\n#";
    assert!(reading(&format!("{small}{}", "x".repeat(COMPOSE_BYTES - small.len()))).is_ok());
    assert_eq!(refusal(&format!("{small}{}", "x".repeat(COMPOSE_BYTES - small.len() + 1))), "a Compose file has at most 512 KiB");
    let services = |count: usize| format!("services:\n{}", (0..count).map(|n| format!("  s{n}: {{image: a}}\n")).collect::<String>());
    assert_eq!(reading(&services(COMPOSE_SERVICES)).unwrap().services.len(), COMPOSE_SERVICES);
    assert_eq!(refusal(&services(COMPOSE_SERVICES + 1)), "a Compose file has at most 100 services, and this has 101");
}

#[test]
fn bombs_are_refused_before_they_fill_the_memory() {
    let too_large = "with its aliases written out the file is too large, or it is nested too deeply";
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let nine = |name: &str| vec![format!("*{name}"); 9].join(", ");
    let lists: String = names.windows(2).map(|pair| format!("{}: &{} [{}]\n", pair[1], pair[1], nine(pair[0]))).collect();
    assert!(refusal(&format!("a: &a [x, x, x, x, x, x, x, x, x]\n{lists}")).contains(too_large));
    let merges: String = names.windows(2).map(|pair| format!("{}: &{} {{<<: [{}]}}\n", pair[1], pair[1], nine(pair[0]))).collect();
    assert!(refusal(&format!("a: &a {{x: 1, y: 2, z: 3}}\n{merges}services: {{a: {{image: a}}, b: {{<<: *h}}}}")).contains(too_large));
    let long = format!("x-long: &long {}\nx-all:\n{}", "x".repeat(200_000), "- *long\n".repeat(10_000));
    assert!(refusal(&long).contains(too_large));
    let filled = format!("services: {{a: {{image: a, command: '{}'}}}}", "$A".repeat(100_000));
    assert_eq!(refusal(&filled), "with its variables filled in the file is too large");
    let anchored = format!("services: {{}}\nx-a: {}", (0..60_000).map(|n| format!("&a{n} ")).collect::<String>());
    assert!(refusal(&anchored).starts_with("line 2"));
}

#[test]
fn notes_without_number_are_counted_and_not_written() {
    let ports = (1..=1_000).map(|port| format!("{port}/sctp, ")).collect::<String>();
    let report = reading(&format!("services: {{a: {{image: a, ports: [{ports}]}}}}")).unwrap();
    let notes = &report.services[0].notes;
    assert_eq!((notes.len(), notes[200].at.as_str()), (201, "services.a"));
    assert_eq!(notes[200].message, "800 more of its parts aren't taken as they are written");
}

#[test]
fn nesting_is_refused_before_it_fills_the_stack() {
    let deep = |count: usize| format!("services: {{a: {{image: a, x-deep: {}1{}}}}}", "[".repeat(count), "]".repeat(count));
    assert!(reading(&deep(30)).is_ok());
    assert!(refusal(&deep(60)).contains("nested too deeply"));
    for count in [1_000, 100_000] {
        assert!(refusal(&deep(count)).starts_with("line 1"), "{count}");
    }
    let blocks: String = (0..700).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(refusal(&blocks).contains("nested too deeply"));
    refusal(&format!("services: {}", "- ".repeat(50_000)));
    refusal(&format!("services: {}", "? ".repeat(50_000)));
}

#[test]
fn no_text_makes_the_reader_panic() {
    let fields = [
        "image",
        "build",
        "command",
        "entrypoint",
        "ports",
        "expose",
        "volumes",
        "networks",
        "environment",
        "env_file",
        "depends_on",
        "links",
        "healthcheck",
        "restart",
        "deploy",
        "mem_limit",
        "cpus",
        "pids_limit",
        "ulimits",
        "labels",
        "profiles",
        "user",
        "init",
        "scale",
        "container_name",
        "network_mode",
        "extends",
        "stop_grace_period",
        "privileged",
        "odd",
    ];
    let values = [
        "",
        "~",
        "5",
        "-1",
        "1e999",
        ".nan",
        "true",
        "''",
        "'ü:ü:ü'",
        "'::'",
        "':'",
        "'/'",
        "'='",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "[~]",
        "{ü: ü}",
        "{test: {}}",
        "{a: {b: [c]}}",
        "[{target: ü}]",
        "[{type: volume}]",
        "[{path: 5}]",
        "'C:'",
        "'C:\\'",
        "['C:\\ü:ü']",
        "99999999999999999999",
        "'1h1h1h'",
        "{resources: {limits: {memory: ü, cpus: nan}}}",
        "{interval: 9999999999999999999h}",
        "'${A}'",
        "{nofile: {hard: -1}}",
        "'\\'",
        "\"\\0\"",
        "['a\\']",
        "!!binary ü",
        "!reset ~",
        "!override []",
        "&a [*a]",
        "'1-1-1'",
        "'#'",
    ];
    for field in fields {
        for value in values {
            let image = if field == "image" { "" } else { "image: a, " };
            let _ = reading(&format!("services: {{a: {{{image}{field}: {value}}}}}"));
            let _ = reading(&format!("services:\n  a:\n    {field}: {value}\n{field}: {value}\n"));
        }
    }
    let whole = "services: {a: {image: 'a:${B:-c}', ports: ['1:2'], volumes: [/d]}}";
    for end in 0..whole.len() {
        let _ = reading(&whole[..end]);
        let _ = reading(&whole[end..]);
    }
}
