//! Whole files: what becomes of each service, and of what is beside them.

use std::collections::BTreeMap;

use api::{
    ComposeItem, ComposeOutcome, ComposeReport, ContainerCheck, ContainerOptions, Limits, NetworkPlace, RestartPolicy, Source, VolumeMount,
};

use super::{Given, read};

const SHOP: &str = r#"
name: shop
version: "3.9"
x-common: &common
  restart: unless-stopped
  environment: &environment
    TZ: ${TZ:-UTC}
    RELEASE: 1.10
  logging: {driver: json-file}
services:
  web:
    <<: *common
    image: registry.example/shop/web:${TAG}
    command: ["serve", "--workers", "2"]
    environment:
      <<: *environment
      DATABASE_URL: postgres://shop:${DB_PASSWORD:?give the password}@db/shop
      DEBUG: false
      PORT: 8000
      FROM_OUTSIDE:
      NOWHERE:
    ports:
      - "${WEB_PORT:-8080}:8000"
    depends_on:
      db: {condition: service_healthy}
      cache: {condition: service_started}
      migrate: {condition: service_completed_successfully}
      mail: {condition: service_started, required: false}
    networks: [front, back]
    volumes:
      - uploads:/srv/uploads
      - ./conf:/etc/shop:ro
    labels:
      tier: web
      traefik.rule: Host(`shop.example`)
    deploy:
      resources:
        limits: {cpus: "1.5", memory: 512M, pids: 200}
        reservations: {memory: 64M}
    user: "1000:1000"
    working_dir: /srv
    read_only: true
    init: true
  migrate:
    image: registry.example/shop/web:${TAG}
    command: manage migrate --noinput
    restart: "no"
    depends_on: [db]
  db:
    image: postgres:17
    container_name: shop-postgres
    restart: on-failure:3
    environment:
      - POSTGRES_PASSWORD=${DB_PASSWORD}
      - POSTGRES_USER=shop
    env_file: [./db.env, {path: ./more.env, required: false}]
    healthcheck:
      test: pg_isready -U shop
      interval: 10s
      timeout: 1500ms
      retries: 5
      start_period: 1m30s
    volumes:
      - data:/var/lib/postgresql/data
    networks:
      back: {aliases: [postgres]}
    ulimits: {nofile: {soft: 1024, hard: 4096}}
  cache:
    image: redis:7
    command: redis-server --save '' --maxmemory 64mb
    expose: [6379]
    networks: [back]
    volumes: [/data]
  debugger:
    image: adminer
    profiles: [debug]
    depends_on: [db]
volumes:
  data: {external: true}
  uploads:
networks:
  front:
  back: {internal: true}
secrets:
  key: {file: ./key}
"#;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn shop(profiles: &[&str]) -> ComposeReport {
    let variables = variables(&[("DB_PASSWORD", "s$3cret"), ("TAG", "v7"), ("FROM_OUTSIDE", "yes")]);
    let profiles: Vec<String> = profiles.iter().map(|profile| (*profile).to_owned()).collect();
    let env_file = |path: &str| match path {
        "./db.env" => Ok(vec![("POSTGRES_DB".to_owned(), "shop".to_owned()), ("POSTGRES_USER".to_owned(), "other".to_owned())]),
        _ => Err("it isn't there".to_owned()),
    };
    read(SHOP, &Given { project: None, variables: &variables, profiles: &profiles, folder: None, env_file: &env_file }).unwrap()
}

fn item<'a>(report: &'a ComposeReport, key: &str) -> &'a ComposeItem {
    report.services.iter().find(|item| item.key == key).unwrap()
}

fn notes(item: &ComposeItem) -> Vec<(&str, &str)> {
    item.notes.iter().map(|note| (note.at.strip_prefix("services.").unwrap(), note.message.as_str())).collect()
}

fn source(item: &ComposeItem) -> (&str, Option<u16>, &ContainerOptions) {
    match &item.service.as_ref().unwrap().source {
        Source::Image { image, container_port, options, .. } => (image, *container_port, options),
        other => panic!("{other:?}"),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn volume(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { volume: volume.into(), path: path.into(), read_only: false }
}

fn network(aliases: &[&str]) -> Option<NetworkPlace> {
    Some(NetworkPlace { name: "shop".into(), aliases: words(aliases) })
}

#[test]
fn services_come_in_the_order_of_what_they_need() {
    let report = shop(&[]);
    let order: Vec<_> = report.services.iter().map(|item| (item.key.as_str(), item.outcome)).collect();
    use ComposeOutcome::{LeftOut, Planned};
    assert_eq!(order, [("cache", Planned), ("db", Planned), ("debugger", LeftOut), ("migrate", Planned), ("web", Planned)]);
    assert_eq!(item(&report, "web").needs, ["cache", "db", "migrate"]);
    assert_eq!(item(&report, "debugger").message.as_deref(), Some("it belongs to the profile debug, which doesn't count"));
    assert!(item(&report, "debugger").service.is_none());
    assert!(report.dry_run && report.project == "shop");
    assert!(report.services.iter().all(|item| item.service_id.is_none()));
    for profile in ["debug", "*"] {
        assert_eq!(
            (item(&shop(&[profile]), "debugger").outcome, &item(&shop(&[profile]), "debugger").needs[..]),
            (Planned, &words(&["db"])[..])
        );
    }
}

#[test]
fn a_web_service_is_read_field_by_field() {
    let report = shop(&[]);
    let web = item(&report, "web");
    let service = web.service.as_ref().unwrap();
    assert_eq!((service.name.as_str(), service.port, service.restart), ("shop-web", Some(8080), RestartPolicy::Always));
    let environment = variables(&[
        ("TZ", "UTC"),
        ("RELEASE", "1.10"),
        ("DATABASE_URL", "postgres://shop:s$3cret@db/shop"),
        ("DEBUG", "false"),
        ("FROM_OUTSIDE", "yes"),
    ]);
    assert_eq!(service.environment, environment);
    assert_eq!(service.labels, variables(&[("compose", "shop"), ("tier", "web")]));
    assert!(service.depends_on.is_empty() && service.environment_files.is_empty() && service.runtime.is_none());
    let limits = Limits { memory_bytes: Some(512 << 20), cpu_percent: Some(150), processes: Some(200), open_files: None };
    assert_eq!(service.limits, limits);
    let options = ContainerOptions {
        command: words(&["serve", "--workers", "2"]),
        working_dir: Some("/srv".into()),
        user: Some("1000:1000".into()),
        volumes: vec![volume("shop_uploads", "/srv/uploads")],
        network: network(&["web"]),
        read_only: true,
        init: true,
        ..ContainerOptions::default()
    };
    assert_eq!(source(web), ("registry.example/shop/web:v7", Some(8000), &options));
    let label = "the label 'traefik.rule' is left out: a name and a value have at most 63 of a-z A-Z 0-9 . _ - /, and a name starts with a \
                 letter or digit";
    assert_eq!(
        notes(web),
        [
            ("web.depends_on.migrate", "Pilothouse waits until it is healthy or runs, not until it has ended"),
            ("web.labels", label),
            ("web.logging", "isn't honoured yet"),
            ("web.ports", "8080:8000: it is published on 127.0.0.1 only"),
            ("web.volumes", "./conf isn't there: a folder of the machine isn't given to containers"),
        ]
    );
}

#[test]
fn a_database_and_a_cache_are_read_field_by_field() {
    let report = shop(&[]);
    let db = item(&report, "db");
    let check = ContainerCheck {
        test: words(&["CMD-SHELL", "pg_isready -U shop"]),
        interval_seconds: Some(10),
        timeout_seconds: Some(2),
        retries: Some(5),
        start_seconds: Some(90),
    };
    let options = ContainerOptions {
        volumes: vec![volume("shop_data", "/var/lib/postgresql/data")],
        network: network(&["db", "shop-postgres", "postgres"]),
        check: Some(check),
        ..ContainerOptions::default()
    };
    assert_eq!(source(db), ("postgres:17", None, &options));
    let service = db.service.as_ref().unwrap();
    let environment = variables(&[("POSTGRES_DB", "shop"), ("POSTGRES_PASSWORD", "s$3cret"), ("POSTGRES_USER", "shop")]);
    assert_eq!((&service.environment, service.restart, service.port), (&environment, RestartPolicy::OnFailure, None));
    assert_eq!(service.limits, Limits { open_files: Some(4096), ..Limits::default() });
    assert_eq!(
        notes(db),
        [
            ("db.container_name", "it is a name in the network only: Pilothouse names the container itself"),
            ("db.env_file", "the variables in './more.env' are left out: it isn't there"),
            ("db.restart", "it is started again however often it fails: 3 times aren't counted"),
        ]
    );
    let options = ContainerOptions {
        command: words(&["redis-server", "--save", "", "--maxmemory", "64mb"]),
        volumes: vec![volume("shop_cache__data", "/data")],
        network: network(&["cache"]),
        ..ContainerOptions::default()
    };
    assert_eq!(source(item(&report, "cache")), ("redis:7", Some(6379), &options));
    assert_eq!(item(&report, "cache").service.as_ref().unwrap().restart, RestartPolicy::Never);
    assert_eq!(notes(item(&report, "cache")), []);
}

#[test]
fn what_is_beside_the_services_is_noted_once() {
    let report = shop(&[]);
    let notes: Vec<_> = report.notes.iter().map(|note| (note.at.as_str(), note.message.as_str())).collect();
    assert_eq!(
        notes,
        [
            ("networks", "all services of the project share one network of Pilothouse's own"),
            ("secrets", "isn't honoured yet"),
            ("volumes.data", "Pilothouse makes a volume of its own, shop_data, that is empty at first"),
        ]
    );
}

#[test]
fn ordinary_networks_and_volumes_need_no_note() {
    let file = "services: {a: {image: a, networks: [n]}}\nnetworks: {n: {driver: bridge}}\nvolumes: {v: {driver: local}, w: }\nx-y: 1";
    assert_eq!(small(file, Some("p")).unwrap().notes, []);
    let noted = |rest: &str| small(&format!("services: {{a: {{image: a}}}}\n{rest}"), Some("p")).unwrap().notes;
    for rest in [
        "networks: {n: {external: true}}",
        "networks: {a: , b: }",
        "networks: {n: {driver: overlay}}",
        "networks: {n: {ipam: {driver: x}}}",
    ] {
        assert_eq!(noted(rest).iter().map(|note| note.at.as_str()).collect::<Vec<_>>(), ["networks"], "{rest}");
    }
    for rest in [
        "volumes: {v: {external: true}}",
        "volumes: {v: {name: other}}",
        "volumes: {v: {driver: nfs}}",
        "volumes: {v: {driver_opts: {o: x}}}",
    ] {
        assert_eq!(noted(rest).iter().map(|note| note.at.as_str()).collect::<Vec<_>>(), ["volumes.v"], "{rest}");
    }
    assert_eq!(noted("configs: {a: {file: x}}\nmodels: {m: {model: x}}\nodd: 1\nsecrets: {}").len(), 3);
}

#[test]
fn the_project_is_the_given_one_or_the_one_of_the_file() {
    let named = |name: &str, project| small(&format!("name: {name}\nservices: {{a: {{image: 'a:${{COMPOSE_PROJECT_NAME}}'}}}}"), project);
    let report = named("shop", Some("other")).unwrap();
    assert_eq!((report.project.as_str(), source(item(&report, "a")).0), ("other", "a:other"));
    assert_eq!(named("${NAME}-x", None).unwrap().project, "eu-x");
    let refused = |name: &str| named(name, None).unwrap_err().details.remove(0);
    for name in ["Shop", "-a", "a.b", &"x".repeat(41), "'a b'", "ä"] {
        assert_eq!(refused(name).field, "/project", "{name}");
        assert!(refused(name).message.contains("1 to 40 of a-z 0-9 _ -"), "{name}");
    }
    for name in ["", "''", "${NONE}"] {
        assert_eq!(
            (refused(name).field.as_str(), refused(name).message.as_str()),
            ("/project", "say what the project is called"),
            "{name}"
        );
    }
    assert_eq!(named("shop", Some("No")).unwrap_err().details[0].field, "/project");
}

#[test]
fn what_needs_something_left_out_or_impossible_says_so() {
    let file = "
services:
  a: {image: a, depends_on: [tool, gone]}
  b: {image: b, depends_on: [tool]}
  broken: {build: ./x}
  c: {image: c, depends_on: [broken]}
  d: {image: d, depends_on: [c]}
  e: {image: e, depends_on: {broken: {condition: service_started, required: false}, gone: {required: false}}}
  f: {image: f, links: ['e:alias', b]}
  tool: {image: t, profiles: [tools]}
";
    let report = small(file, Some("p")).unwrap();
    let order: Vec<_> = report.services.iter().map(|item| item.key.as_str()).collect();
    assert_eq!(order, ["a", "b", "broken", "c", "d", "e", "f", "tool"]);
    let message = |key| (item(&report, key).outcome, item(&report, key).message.as_deref().unwrap_or_default());
    use ComposeOutcome::{Impossible, Planned};
    assert_eq!(message("a"), (Impossible, "it needs 'gone', which isn't in the file"));
    assert_eq!(message("c"), (Impossible, "it needs 'broken', which can't be made"));
    assert_eq!(message("d"), (Impossible, "it needs 'c', which can't be made"));
    assert!(item(&report, "d").service.is_none());
    assert_eq!(message("b"), (Planned, ""));
    assert_eq!(notes(item(&report, "b")), [("b.depends_on", "it starts without 'tool', which is left out by its profile")]);
    assert_eq!(notes(item(&report, "e")), [("e.depends_on", "it starts without 'broken', which can't be made")]);
    assert_eq!((&item(&report, "b").needs[..], &item(&report, "e").needs[..]), (&[][..], &[][..]));
    assert_eq!(item(&report, "f").needs, ["b", "e"]);
    assert_eq!(notes(item(&report, "f")), [("f.links", "'alias' isn't honoured: in the network it is called 'e'")]);
}

fn small(file: &str, project: Option<&str>) -> api::Result<ComposeReport> {
    let variables = variables(&[("NAME", "eu")]);
    read(file, &Given { project, variables: &variables, profiles: &[], folder: None, env_file: &|_| Err("it isn't there".into()) })
}
