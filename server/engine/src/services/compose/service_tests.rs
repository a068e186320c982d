//! One service: each field as it is read, noted or refused.

use std::collections::BTreeMap;
use std::path::Path;

use api::{ComposeItem, ComposeOutcome, ContainerCheck, ContainerOptions, ImageBuild, Limits, NewService, RestartPolicy, Source};

use super::{Given, read};

/// The service `web` with these fields.
fn item(fields: &str) -> ComposeItem {
    let variables = BTreeMap::from([("PORT_OUTSIDE".to_owned(), "8080".to_owned()), ("SET".to_owned(), "outside".to_owned())]);
    let env_file = |path: &str| match path {
        "many" => Ok((0..201).map(|n| (format!("V{n}"), String::new())).collect()),
        "web.env" => Ok(vec![("SET".to_owned(), "file".to_owned()), ("FILE".to_owned(), "1".to_owned())]),
        _ => Err("it isn't there".to_owned()),
    };
    let file = format!("services: {{web: {{{fields}}}, other: {{image: o}}}}\nnetworks: {{n: }}\nvolumes: {{v: }}");
    let given = Given { project: Some("shop"), variables: &variables, profiles: &[], folder: None, env_file: &env_file };
    let report = read(&file, &given).unwrap_or_else(|error| panic!("{fields}: {error}"));
    report.services.into_iter().find(|item| item.key == "web").unwrap()
}

/// What `web` of a file in the folder `/srv/shop` is built of, and its notes.
fn built(fields: &str) -> (ImageBuild, Vec<(String, String)>) {
    let (file, variables) = (format!("services: {{web: {{{fields}}}}}"), BTreeMap::from([("SET".to_owned(), "outside".to_owned())]));
    let folder = Some(Path::new("/srv/shop"));
    let given = Given { project: Some("shop"), variables: &variables, profiles: &[], folder, env_file: &|_| Err("no".into()) };
    let item = read(&file, &given).unwrap().services.remove(0);
    let notes = item.notes.into_iter().map(|note| (note.at, note.message)).collect();
    match item.service.unwrap_or_else(|| panic!("{fields}: {:?}", item.message)).source {
        Source::Build { build, .. } => (*build, notes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_built_is_found_from_the_folder_of_the_file() {
    let folder = |fields: &str| built(fields).0.folder;
    assert_eq!(folder("build: ."), "/srv/shop");
    assert_eq!(folder("build: ./web/"), "/srv/shop/web");
    assert_eq!(folder("build: {context: ../common/./x}"), "/srv/common/x");
    assert_eq!(folder("build: {context: /opt/web}"), "/opt/web");
    assert_eq!(folder("build: {dockerfile: Dockerfile}"), "/srv/shop");
    let (build, notes) = built("build: {context: web, dockerfile: ./docker/web.Dockerfile, target: prod, args: [A=1, SET, UNSET]}");
    assert_eq!((build.dockerfile.as_deref(), build.target.as_deref()), (Some("docker/web.Dockerfile"), Some("prod")));
    assert_eq!(build.arguments, BTreeMap::from([("A".to_owned(), "1".to_owned()), ("SET".to_owned(), "outside".to_owned())]));
    assert_eq!(notes, []);
}

#[test]
fn what_of_a_build_is_not_honoured_is_said() {
    let notes = built("image: shop/web, build: {context: ., no_cache: true, network: host, secrets: [a], ssh: [], x-own: 1}").1;
    let said: Vec<_> = notes.iter().map(|(at, message)| (at.trim_start_matches("services.web."), message.as_str())).collect();
    assert_eq!(
        said,
        [
            ("build.network", "isn't given: a build gets no part of the machine"),
            ("build.no_cache", "isn't taken: it is built with the cache of Docker, of the images that are there"),
            ("build.secrets", "isn't honoured yet"),
            ("image", "the image that is built is Pilothouse's own, and isn't given this name"),
        ]
    );
}

/// The service of an image with these fields, and its notes below `services.web`.
fn planned(fields: &str) -> (NewService, Vec<(String, String)>) {
    let item = item(&format!("image: nginx, {fields}"));
    assert_eq!((item.outcome, &item.message), (ComposeOutcome::Planned, &None), "{fields}");
    let below = |at: &str| at.strip_prefix("services.web.").unwrap_or_else(|| panic!("{at}")).to_owned();
    (item.service.unwrap(), item.notes.into_iter().map(|note| (below(&note.at), note.message)).collect())
}

fn options(fields: &str) -> (ContainerOptions, Option<u16>) {
    match planned(fields).0.source {
        Source::Image { options, container_port, .. } => (*options, container_port),
        other => panic!("{other:?}"),
    }
}

fn note(at: &str, message: &str) -> Vec<(String, String)> {
    vec![(at.to_owned(), message.to_owned())]
}

#[test]
fn what_makes_a_service_impossible_is_said() {
    let table = [
        ("", "it has neither 'image' nor 'build'"),
        ("image: ''", "it has neither 'image' nor 'build'"),
        ("build: ./web", "it is built of the folder './web', which isn't known: give the folder of the Compose file in place of its text"),
        (
            "build: 'https://example.com/a.git'",
            "it is built of 'https://example.com/a.git', and Pilothouse builds of folders: fetch it, and name its folder",
        ),
        ("build: {context: /a, dockerfile: ../b}", "its Dockerfile '../b' isn't below the folder that it is built of"),
        (
            "build: {context: /a, dockerfile_inline: FROM b}",
            "it is built of 'dockerfile_inline', and Pilothouse reads files: write it to a Dockerfile",
        ),
        ("build: {context: /a, target: 'a b'}", "build.target: a stage has letters, digits and . _ -, or is the number of one"),
        ("build: {context: /a, args: 5}", "'build.args' has to be a mapping or a list of NAME=VALUE"),
        ("build: [a]", "'build' has to be text"),
        ("image: 'web:${TAG}'", "'web:' isn't the name of an image, like nginx:1.27"),
        ("image: 'a b'", "'a b' isn't the name of an image, like nginx:1.27"),
        ("image: [a]", "'image' has to be text"),
        ("image: a, extends: {service: other}", "it extends another service, and Pilothouse doesn't read that yet: write it out"),
        ("image: a, ports: 80", "'ports' has to be a list"),
        ("image: a, command: {a: b}", "'command' has to be text or a list"),
        ("image: a, environment: 5", "'environment' has to be a mapping or a list of NAME=VALUE"),
        ("image: a, environment: {A: [1]}", "'environment.A' has to be text"),
        ("image: a, env_file: {path: x}", "'env_file' has to be text or a list"),
        ("image: a, env_file: gone.env", "the variables in 'gone.env' can't be read: it isn't there"),
        ("image: a, env_file: [{path: gone.env, required: true}]", "the variables in 'gone.env' can't be read: it isn't there"),
        ("image: a, env_file: many", "a service has at most 200 variables"),
        ("image: a, environment: {A: \"\\0\"}", "the value of the variable A has more than 32 KiB or a zero byte"),
        ("image: a, volumes: ['w:/w']", "the volume 'w' isn't declared under the 'volumes' of the file"),
        (
            "image: a, volumes: ['v:w']",
            "volumes.0.path: a place in a container is an absolute path of at most 4096 bytes without a colon, control characters, '..' or a blank at its end",
        ),
        ("image: a, volumes: ['v:/w', '/w']", "volumes.1.path: another volume is at that path already"),
        ("image: a, networks: [m]", "the network 'm' isn't declared under the 'networks' of the file"),
        ("image: a, networks: x", "'networks' has to be a list or a mapping"),
        ("image: a, networks: {n: {aliases: x}}", "'networks.n.aliases' has to be a list"),
        ("image: a, depends_on: [gone]", "it needs 'gone', which isn't in the file"),
        ("image: a, depends_on: {gone: {condition: service_started}}", "it needs 'gone', which isn't in the file"),
        ("image: a, depends_on: {other: {condition: soon}}", "'depends_on.other.condition' has 'soon', which Compose doesn't know"),
        ("image: a, depends_on: other", "'depends_on' has to be a list or a mapping"),
        ("image: a, links: ['gone:x']", "it needs 'gone', which isn't in the file"),
        (
            "image: a, healthcheck: {test: a, interval: 30}",
            "'healthcheck.interval' has to be a duration like 30s or 1m30s, and '30' isn't one",
        ),
        (
            "image: a, healthcheck: {test: []}, restart: x",
            "'restart' has to be no, always, on-failure or unless-stopped, and 'x' isn't one",
        ),
        ("image: a, healthcheck: {test: [a]}", "check.test: a check is [\"CMD\", program, ..], [\"CMD-SHELL\", line] or [\"NONE\"]"),
        ("image: a, healthcheck: {test: a, retries: -1}", "'healthcheck.retries' is 0 or more, and -1 isn't"),
        ("image: a, healthcheck: [a]", "'healthcheck' has to be a mapping"),
        ("image: a, restart: 'always:3'", "'restart' has to be no, always, on-failure or unless-stopped, and 'always:3' isn't one"),
        (
            "image: a, deploy: {restart_policy: {condition: x}}",
            "'deploy.restart_policy.condition' has to be none, on-failure or any, and 'x' isn't one",
        ),
        ("image: a, deploy: {resources: [x]}", "'deploy.resources' has to be a mapping"),
        ("image: a, mem_limit: much", "'mem_limit' has to be an amount of memory like 512m, and 'much' isn't one"),
        ("image: a, mem_limit: 1k", "memory_bytes: a limit of memory is 6 MiB to 1 PiB"),
        ("image: a, cpus: -1", "'cpus' has to be a number of cores like 0.5, and '-1' isn't one"),
        ("image: a, pids_limit: some", "'pids_limit' has to be a whole number, and 'some' isn't one"),
        ("image: a, ulimits: {nofile: {}}", "'ulimits.nofile' has neither 'hard' nor 'soft'"),
        ("image: a, user: 'a; b'", "user: a user is a name or number, and a group after a colon"),
        ("image: a, read_only: maybe", "'read_only' has to be true or false"),
        ("image: a, profiles: debug", "'profiles' has to be a list"),
        ("image: a, labels: x", "'labels' has to be a mapping or a list of NAME=VALUE"),
        ("image: a, scale: x", "'scale' has to be a whole number, and 'x' isn't one"),
    ];
    for (fields, message) in table {
        let item = item(fields);
        assert_eq!((item.outcome, item.message.as_deref()), (ComposeOutcome::Impossible, Some(message)), "{fields}");
        assert_eq!(item.service, None, "{fields}");
    }
}

#[test]
fn a_key_that_is_no_name_makes_that_service_impossible_alone() {
    let given = Given { project: Some("shop"), variables: &BTreeMap::new(), profiles: &[], folder: None, env_file: &|_| Ok(Vec::new()) };
    let file = format!("services: {{'a b': {{image: a}}, {}: {{image: a}}, b: nginx, c: , d: {{image: d}}}}", "x".repeat(60));
    let report = read(&file, &given).unwrap();
    let outcomes: Vec<_> = report.services.iter().map(|item| item.outcome).collect();
    use ComposeOutcome::{Impossible, Planned};
    assert_eq!(outcomes, [Impossible, Impossible, Impossible, Planned, Impossible]);
    assert!(report.services[0].message.as_deref().unwrap().starts_with("'shop-a b' can't be its name: "));
}

#[test]
fn the_port_variable_gives_way_to_pilothouse() {
    let said = note("environment", "PORT is set by Pilothouse to the port in the container");
    let table = [
        ("environment: {PORT: 8000}", Some(8000), vec![]),
        ("environment: {PORT: 8000}, ports: ['8000']", Some(8000), vec![]),
        ("environment: {PORT: 9000}, ports: ['8000']", Some(8000), said.clone()),
        ("environment: {PORT: 9000}, expose: [8000]", Some(8000), said.clone()),
        ("environment: [PORT=web]", None, said.clone()),
        ("environment: [PORT=0]", None, said),
        ("environment: [PORT]", None, vec![]),
    ];
    for (fields, port, notes) in table {
        assert_eq!((options(fields).1, planned(fields).1), (port, notes), "{fields}");
        assert!(planned(fields).0.environment.is_empty(), "{fields}");
    }
    let (service, _) = planned("ports: ['127.0.0.1:${PORT_OUTSIDE}:80']");
    assert_eq!(service.port, Some(8080));
}

#[test]
fn variables_come_from_the_service_over_its_files() {
    let of = |fields: &str| planned(fields).0.environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    assert_eq!(of("env_file: web.env"), ["FILE=1", "SET=file"]);
    assert_eq!(
        of("env_file: web.env, environment: {SET: own, OCTAL: 0755, FLOAT: 1.10, YES: yes, TRUE: true}"),
        ["FILE=1", "FLOAT=1.10", "OCTAL=0755", "SET=own", "TRUE=true", "YES=yes"]
    );
    assert_eq!(of("env_file: web.env, environment: [SET, FILE, NONE]"), ["FILE=1", "SET=outside"]);
    let (service, notes) = planned("environment: {'1A': x, PILOTHOUSE_KEY: y, 'a-b': z, OK: ''}");
    assert_eq!((service.environment.len(), notes.len()), (1, 3));
    assert!(notes.iter().all(|(at, message)| at == "environment" && message.contains("is left out: a name has letters")), "{notes:?}");
}

#[test]
fn labels_are_kept_as_far_as_there_is_room() {
    let many: String = (0..25).map(|n| format!("l{n:02}: x, ")).collect();
    let (service, notes) = planned(&format!("labels: {{{many}}}"));
    assert_eq!((service.labels.len(), notes.len()), (20, 6));
    assert_eq!(notes[0].1, "the label 'l19' is left out: a service has at most 20 labels");
    let (service, notes) = planned("labels: [compose=other, team, a=1]");
    assert_eq!(service.labels, [("a", "1"), ("compose", "shop"), ("team", "")].map(|(n, v)| (n.to_owned(), v.to_owned())).into());
    assert_eq!(notes, note("labels", "the label 'compose' is left out: it names the project here"));
}

#[test]
fn health_checks_are_read_as_docker_takes_them() {
    let test = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let plain = ContainerCheck { test: test(&["NONE"]), interval_seconds: None, timeout_seconds: None, retries: None, start_seconds: None };
    let table = [
        ("{disable: true}", Some(plain.clone())),
        ("{test: a, interval: 5s, disable: 'true'}", Some(plain.clone())),
        ("{test: [NONE], interval: 5s}", Some(plain.clone())),
        ("{test: [CMD, a, b]}", Some(ContainerCheck { test: test(&["CMD", "a", "b"]), ..plain.clone() })),
        ("{test: [CMD-SHELL, a b]}", Some(ContainerCheck { test: test(&["CMD-SHELL", "a b"]), ..plain.clone() })),
        (
            "{test: a || exit 1, interval: 0s, retries: 0, timeout: 1ms}",
            Some(ContainerCheck { test: test(&["CMD-SHELL", "a || exit 1"]), timeout_seconds: Some(1), ..plain }),
        ),
    ];
    for (fields, check) in table {
        assert_eq!(options(&format!("healthcheck: {fields}")).0.check, check, "{fields}");
    }
    let (_, notes) = planned("healthcheck: {test: a, start_interval: 5s}");
    assert_eq!(notes, note("healthcheck.start_interval", "isn't honoured yet"));
    let (_, notes) = planned("healthcheck: {interval: 5s}");
    assert_eq!(notes, note("healthcheck", "it has no test, so the check of the image stays as it is"));
}

#[test]
fn limits_are_read_from_both_places() {
    let none = Limits::default();
    let memory = |bytes| Limits { memory_bytes: Some(bytes), ..none };
    let cpu = |percent| Limits { cpu_percent: Some(percent), ..none };
    let table = [
        ("mem_limit: 512m", memory(512 << 20)),
        ("mem_limit: 1gb", memory(1 << 30)),
        ("mem_limit: 64MB", memory(64 << 20)),
        ("mem_limit: 10485760", memory(10_485_760)),
        ("mem_limit: 10485760b", memory(10_485_760)),
        ("mem_limit: 0, pids_limit: -1, cpus: 0", none),
        ("mem_limit: 1g, deploy: {resources: {limits: {memory: 2g}}}", memory(2 << 30)),
        ("cpus: 0.5", cpu(50)),
        ("cpus: '1.1'", cpu(110)),
        ("cpus: 0.001", cpu(1)),
        ("deploy: {resources: {limits: {cpus: 2, pids: 10}}}", Limits { processes: Some(10), ..cpu(200) }),
        ("pids_limit: 100, ulimits: {nofile: 1024}", Limits { processes: Some(100), open_files: Some(1024), ..none }),
        ("ulimits: {nofile: {soft: 100, hard: '200'}}", Limits { open_files: Some(200), ..none }),
        ("deploy: {resources: {reservations: {memory: 1g}}}", none),
    ];
    for (fields, limits) in table {
        assert_eq!((planned(fields).0.limits, planned(fields).1), (limits, vec![]), "{fields}");
    }
}

#[test]
fn restarts_are_the_policy_of_the_service_or_its_deployment() {
    use RestartPolicy::{Always, Never, OnFailure};
    let table = [
        ("", Never),
        ("restart: no", Never),
        ("restart: 'no'", Never),
        ("restart: always", Always),
        ("restart: unless-stopped", Always),
        ("restart: on-failure", OnFailure),
        ("restart: on-failure:3", OnFailure),
        ("deploy: {restart_policy: {condition: on-failure}}", OnFailure),
        ("deploy: {restart_policy: {condition: none}}", Never),
        ("deploy: {restart_policy: {max_attempts: 3}}", Always),
        ("restart: no, deploy: {restart_policy: {condition: any}}", Never),
    ];
    for (fields, policy) in table {
        assert_eq!(planned(fields).0.restart, policy, "{fields}");
    }
}

#[test]
fn commands_that_are_empty_are_the_ones_of_the_image() {
    let (read, _) = options("command: 'serve --name \"a b\"', entrypoint: [/init]");
    assert_eq!((read.command, read.entrypoint), (vec!["serve".into(), "--name".into(), "a b".into()], vec!["/init".into()]));
    assert_eq!(planned("entrypoint: []").1, note("entrypoint", "it is empty, so the one of the image is taken"));
    assert_eq!(planned("command: ").1, []);
}

#[test]
fn names_in_the_network_are_kept_once_when_they_fit() {
    let aliases = |fields: &str| options(fields).0.network.unwrap().aliases;
    assert_eq!(aliases("container_name: web, hostname: host, networks: {n: {aliases: [host, www]}, default: }"), ["web", "host", "www"]);
    assert_eq!(aliases("hostname: 'a b'"), ["web"]);
    assert_eq!(planned("hostname: 'a b'").1.len(), 2);
    let many = (0..30).map(|n| format!("a{n}")).collect::<Vec<_>>().join(", ");
    assert_eq!(aliases(&format!("networks: {{n: {{aliases: [{many}]}}}}")).len(), 20);
    assert_eq!(planned("networks: {n: {ipv4_address: 10.0.0.2, priority: 5}}").1, note("networks.n.ipv4_address", "isn't honoured yet"));
}

#[test]
fn each_field_that_is_not_honoured_has_one_note() {
    let privileges = "isn't given: containers of Pilothouse get no privileges";
    let machine = "isn't given: containers of Pilothouse get no part of the machine";
    let later = "isn't honoured yet";
    let unknown = "isn't known to Compose, or not to Pilothouse";
    let mut table = vec![
        ("network_mode: host", "network_mode", "'host' isn't given: it is in the network of the project"),
        ("network_mode: 'service:other'", "network_mode", "'service:other' isn't given: it is in the network of the project"),
        (
            "stop_grace_period: 1m",
            "stop_grace_period",
            "isn't taken: a stop waits 10 seconds, which can be changed once the service is there",
        ),
        ("scale: 3", "scale", "one container is made of it, not 3"),
        ("deploy: {replicas: 2}", "deploy.replicas", "one container is made of it, not 2"),
        ("deploy: {placement: {constraints: [x]}}", "deploy.placement", later),
        ("volumes_from: [other]", "volumes_from", "isn't given: name the volumes under 'volumes' of both services"),
        ("ulimits: {nproc: 5}", "ulimits.nproc", later),
        ("privileged: 'true'", "privileged", privileges),
        ("devices: [/dev/x]", "devices", machine),
        ("pid: host", "pid", machine),
        ("gpus: all", "gpus", machine),
        ("dns_search: x", "dns_search", later),
        ("cpu_shares: 5", "cpu_shares", later),
        ("mem_swappiness: 5", "mem_swappiness", later),
        ("oom_score_adj: 5", "oom_score_adj", later),
        ("ipc: host", "ipc", machine),
        ("odd: 1", "odd", unknown),
    ];
    table.extend(["cap_add", "security_opt", "sysctls", "device_cgroup_rules", "group_add"].map(|field| (field, field, privileges)));
    let lists = ["extra_hosts", "tmpfs", "secrets", "configs", "cap_drop", "logging", "post_start", "annotations", "dns"];
    table.extend(lists.map(|field| (field, field, later)));
    for (fields, at, message) in table {
        let fields = if fields == at { format!("{fields}: [a]") } else { fields.to_owned() };
        assert_eq!(planned(&fields).1, note(at, message), "{fields}");
    }
}

#[test]
fn what_asks_for_nothing_or_says_nothing_is_silent() {
    let fields = "privileged: false, tty: 'false', cap_add: [], devices: , x-own: {a: 1}, stop_grace_period: 10s, network_mode: bridge, \
                  scale: 1, pull_policy: missing, attach: true, deploy: {replicas: 1, mode: replicated, labels: {}}";
    assert_eq!(planned(fields).1, []);
}

#[test]
fn a_variable_that_is_not_set_is_noted_where_it_is_used() {
    assert_eq!(planned("user: '${NOBODY}'").1, note("user", "the variable NOBODY isn't set, so it is empty"));
    assert_eq!(planned("environment: {A: $X}").1, note("environment.A", "the variable X isn't set, so it is empty"));
    assert_eq!(planned("command: [$X, $X]").1, note("command", "the variable X isn't set, so it is empty"));
}
