//! The volumes of a service, and what else it would have in its file system.

use api::VolumeMount;
use serde_json::{Map, Value};

use super::scope::{Scope, Surroundings};
use super::value::{Reading, asks, flag, list, mapping, shown, text};

/// Characters of the name of a volume.
const NAME: usize = 63;

/// One entry of `volumes`.
struct Entry {
    kind: Kind,
    target: String,
    read_only: bool,
    /// What of it isn't honoured.
    unhonoured: Vec<String>,
}

enum Kind {
    Named(String),
    Anonymous,
    Bind(String),
    Other(String),
}

/// Reads `volumes`: named and anonymous ones become volumes of Pilothouse, and what else there is gets a note.
pub(super) fn read(scope: &mut Scope<'_>, surroundings: &Surroundings<'_>) -> Reading<Vec<VolumeMount>> {
    let mut mounts = Vec::new();
    for item in scope.get("volumes").map_or(Ok(&[][..]), |value| list("volumes", value))? {
        let entry = match item {
            Value::Object(fields) => long(fields)?,
            other => short(&text("volumes", other)?)?,
        };
        let volume = match entry.kind {
            Kind::Named(name) if !surroundings.volumes.contains(&name) => {
                return Err(format!("the volume '{}' isn't declared under the 'volumes' of the file", shown(&name)));
            }
            Kind::Named(name) => format!("{}_{name}", surroundings.project),
            Kind::Anonymous => anonymous(surroundings.project, scope.key, &entry.target),
            Kind::Bind(source) => {
                scope.note("volumes", format!("{} isn't there: a folder of the machine isn't given to containers", shown(&source)));
                continue;
            }
            Kind::Other(kind) => {
                scope.note(
                    "volumes",
                    format!("{} isn't there: a mount of the type {} isn't honoured yet", shown(&entry.target), shown(&kind)),
                );
                continue;
            }
        };
        for option in entry.unhonoured {
            scope.note("volumes", format!("{}: '{}' isn't honoured yet", shown(&entry.target), shown(&option)));
        }
        mounts.push(VolumeMount { volume, path: entry.target, read_only: entry.read_only });
    }
    Ok(mounts)
}

/// `[SOURCE:]TARGET[:OPTIONS]`.
fn short(written: &str) -> Reading<Entry> {
    let wrong = || format!("'volumes' has '{}', which isn't of the form SOURCE:TARGET or SOURCE:TARGET:OPTIONS", shown(written));
    // So that the colon of `C:\data` is no separator, and that of `v:/data` is one.
    let is_windows = match written.as_bytes() {
        [drive, b':', b'\\', ..] => drive.is_ascii_alphabetic(),
        [drive, b':', b'/', ..] => drive.is_ascii_alphabetic() && written[2..].contains(":/"),
        _ => false,
    };
    let colon = |text: &str, from: usize| text.get(from..).and_then(|rest| rest.find(':')).map(|place| place + from);
    let Some(place) = colon(written, if is_windows { 2 } else { 0 }) else {
        let kind = if is_windows { Kind::Bind(written.to_owned()) } else { Kind::Anonymous };
        return if written.is_empty() {
            Err(wrong())
        } else {
            Ok(Entry { kind, target: written.to_owned(), read_only: false, unhonoured: Vec::new() })
        };
    };
    let (source, rest) = (&written[..place], &written[place + 1..]);
    let (target, options) = rest.split_once(':').unwrap_or((rest, ""));
    if source.is_empty() || target.is_empty() {
        return Err(wrong());
    }
    let is_path = is_windows || source.starts_with(['.', '/', '~']);
    let kind = if is_path { Kind::Bind(source.to_owned()) } else { Kind::Named(source.to_owned()) };
    let mut entry = Entry { kind, target: target.to_owned(), read_only: false, unhonoured: Vec::new() };
    for option in options.split(',') {
        match option {
            "ro" | "readonly" => entry.read_only = true,
            // What they are about only matters to folders of the machine.
            "" | "rw" | "z" | "Z" | "cached" | "delegated" | "consistent" => {}
            other => entry.unhonoured.push(other.to_owned()),
        }
    }
    Ok(entry)
}

/// `{type: volume, source: data, target: /data, ..}`.
fn long(fields: &Map<String, Value>) -> Reading<Entry> {
    let get = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let part = |name: &str| get(name).map(|value| text(&format!("volumes.{name}"), value)).transpose();
    let kind = part("type")?.ok_or("an entry of 'volumes' has no 'type'")?;
    let target = part("target")?.filter(|target| !target.is_empty()).ok_or("an entry of 'volumes' has no 'target'")?;
    let source = part("source")?.filter(|source| !source.is_empty());
    let read_only = get("read_only").map_or(Ok(false), |value| flag("volumes.read_only", value))?;
    let mut unhonoured = Vec::new();
    if let Some(options) = get("volume") {
        let options = mapping("volumes.volume", options)?.iter().filter(|(_, value)| asks(value));
        unhonoured.extend(options.map(|(name, _)| format!("volume.{name}")));
    }
    let kind = match (kind.as_str(), source) {
        ("volume", Some(source)) => Kind::Named(source),
        ("volume", None) => Kind::Anonymous,
        ("bind", source) => Kind::Bind(source.unwrap_or_else(|| target.clone())),
        _ => Kind::Other(kind),
    };
    Ok(Entry { kind, target, read_only, unhonoured })
}

/// The name of the volume of a service that the file doesn't name: always the same one for the same path.
fn anonymous(project: &str, key: &str, path: &str) -> String {
    let whole = format!("{project}_{key}_{}", path.replace('/', "_"));
    let plain: String = whole.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    if plain.len() <= NAME && plain == whole {
        return plain;
    }
    // Two paths that are cut or changed to the same name have to stay two volumes.
    let hash =
        path.bytes().chain([0]).chain(key.bytes()).fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}_{hash:08x}", &plain[..plain.len().min(NAME - 9)])
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use api::VolumeMount;
    use serde_json::{Value, json};

    use super::{Scope, Surroundings, anonymous, read};

    fn reading(volumes: &Value) -> (Result<Vec<VolumeMount>, String>, Vec<String>) {
        let variables = BTreeMap::new();
        let surroundings = Surroundings {
            project: "shop",
            variables: &variables,
            folder: None,
            env_file: &|_| Err("no".into()),
            volumes: BTreeSet::from(["data".to_owned()]),
            networks: BTreeSet::new(),
        };
        let service = json!({ "volumes": volumes });
        let mut scope = Scope::new("db", service.as_object().unwrap());
        let read = read(&mut scope, &surroundings);
        assert!(scope.notes.iter().all(|note| note.at == "services.db.volumes"));
        (read, scope.notes.into_iter().map(|note| note.message).collect())
    }

    fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
        VolumeMount { volume: volume.into(), path: path.into(), read_only }
    }

    #[test]
    fn volumes_are_given_and_folders_are_not() {
        let bind = |source: &str| format!("{source} isn't there: a folder of the machine isn't given to containers");
        let other = |target: &str, kind: &str| format!("{target} isn't there: a mount of the type {kind} isn't honoured yet");
        let table = [
            (json!(["data:/var/lib/data"]), vec![mount("shop_data", "/var/lib/data", false)], vec![]),
            (json!(["data:/d:ro"]), vec![mount("shop_data", "/d", true)], vec![]),
            (json!(["data:/d:rw,z"]), vec![mount("shop_data", "/d", false)], vec![]),
            (json!(["data:/d:ro,nocopy"]), vec![mount("shop_data", "/d", true)], vec!["/d: 'nocopy' isn't honoured yet".to_owned()]),
            (json!(["/var/cache"]), vec![mount("shop_db__var_cache", "/var/cache", false)], vec![]),
            (json!(["./conf:/etc/conf:ro"]), vec![], vec![bind("./conf")]),
            (
                json!(["/etc:/host", "~/x:/x", "../y:/y", "C:\\z:/z", "D:/q:/q"]),
                vec![],
                ["/etc", "~/x", "../y", "C:\\z", "D:/q"].map(bind).into(),
            ),
            (
                json!([{"type": "volume", "source": "data", "target": "/d", "read_only": true}]),
                vec![mount("shop_data", "/d", true)],
                vec![],
            ),
            (json!([{"type": "volume", "target": "/d"}]), vec![mount("shop_db__d", "/d", false)], vec![]),
            (
                json!([{"type": "volume", "source": "data", "target": "/d", "volume": {"subpath": "a", "nocopy": false}}]),
                vec![mount("shop_data", "/d", false)],
                vec!["/d: 'volume.subpath' isn't honoured yet".to_owned()],
            ),
            (json!([{"type": "bind", "source": "./a", "target": "/a"}]), vec![], vec![bind("./a")]),
            (json!([{"type": "tmpfs", "target": "/t"}]), vec![], vec![other("/t", "tmpfs")]),
            (json!([{"type": "npipe", "source": "x", "target": "/n"}]), vec![], vec![other("/n", "npipe")]),
            (json!([{"type": "cluster", "source": "x", "target": "/c"}]), vec![], vec![other("/c", "cluster")]),
            (json!([]), vec![], vec![]),
        ];
        for (value, mounts, notes) in table {
            assert_eq!(reading(&value), (Ok(mounts), notes), "{value}");
        }
    }

    #[test]
    fn what_is_no_volume_is_refused() {
        let table = [
            (json!("data:/d"), "'volumes' has to be a list"),
            (json!(["other:/d"]), "the volume 'other' isn't declared under the 'volumes' of the file"),
            (json!([":/d"]), "'volumes' has ':/d', which isn't of the form SOURCE:TARGET or SOURCE:TARGET:OPTIONS"),
            (json!(["data:"]), "'volumes' has 'data:', which isn't of the form SOURCE:TARGET or SOURCE:TARGET:OPTIONS"),
            (json!([""]), "'volumes' has '', which isn't of the form SOURCE:TARGET or SOURCE:TARGET:OPTIONS"),
            (json!([{"source": "data", "target": "/d"}]), "an entry of 'volumes' has no 'type'"),
            (json!([{"type": "volume", "source": "data"}]), "an entry of 'volumes' has no 'target'"),
            (json!([{"type": "volume", "source": ["data"], "target": "/d"}]), "'volumes.source' has to be text"),
            (json!([["a"]]), "'volumes' has to be text"),
        ];
        for (value, message) in table {
            assert_eq!(reading(&value).0, Err(message.into()), "{value}");
        }
    }

    #[test]
    fn anonymous_volumes_have_names_that_fit_and_stay_apart() {
        let long = "/a".repeat(100);
        let (one, other) = (anonymous("shop", "db", &format!("{long}/x")), anonymous("shop", "db", &format!("{long}/y")));
        assert!(one.len() == 63 && one != other && one == anonymous("shop", "db", &format!("{long}/x")), "{one} {other}");
        assert_ne!(anonymous("shop", "db", "/a b"), anonymous("shop", "db", "/a_b"));
        assert!(api::is_service_name(&anonymous("shop", "db", "/ü ü")));
    }
}
