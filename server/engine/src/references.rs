//! The places that variables name: `DATABASE_URL=postgres://app:secret@db:5432/shop` is postgres at db, port 5432, and nothing else.
//!
//! Values hold passwords, so only what is a place for certain is taken out of them: scheme, host and port of an address with a known
//! scheme, and `host:port` in a variable whose name says that it is one. What could be read in two ways is passed over.

use std::collections::BTreeMap;

/// A place that a variable names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The name of the variable.
    pub variable: String,
    /// What is spoken there, when it stands in an address.
    pub scheme: Option<String>,
    /// In lower case; an IPv6 address without brackets.
    pub host: String,
    /// The port that is said, or the usual one of the scheme.
    pub port: u16,
}

/// Bytes of a value that are looked at; an address isn't longer.
const LOOKED_AT: usize = 4096;
/// Places of one variable.
const MOST: usize = 16;

/// The schemes that are known, with their usual ports.
const SCHEMES: [(&str, u16); 42] = [
    ("http", 80),
    ("https", 443),
    ("ws", 80),
    ("wss", 443),
    ("grpc", 80),
    ("grpcs", 443),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("cockroachdb", 26257),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("mssql", 1433),
    ("sqlserver", 1433),
    ("redis", 6379),
    ("rediss", 6379),
    ("valkey", 6379),
    ("memcached", 11211),
    ("mongodb", 27017),
    ("amqp", 5672),
    ("amqps", 5671),
    ("nats", 4222),
    ("kafka", 9092),
    ("pulsar", 6650),
    ("mqtt", 1883),
    ("mqtts", 8883),
    ("stomp", 61613),
    ("elasticsearch", 9200),
    ("opensearch", 9200),
    ("clickhouse", 8123),
    ("cassandra", 9042),
    ("bolt", 7687),
    ("neo4j", 7687),
    ("influxdb", 8086),
    ("etcd", 2379),
    ("zookeeper", 2181),
    ("consul", 8500),
    ("vault", 8200),
    ("ldap", 389),
    ("ldaps", 636),
    ("smtp", 25),
    ("smtps", 465),
    ("temporal", 7233),
];

/// Parts of the names of variables that say where a service is itself, or who may come to it: nothing that it needs.
const OWN: [&str; 13] =
    ["ORIGIN", "CORS", "ALLOWED", "REDIRECT", "CALLBACK", "PUBLIC", "EXTERNAL", "BIND", "LISTEN", "ADVERTISE", "SELF_", "PROXY", "REFERER"];

/// Parts of the names of variables whose values are secret as a whole.
const SECRET: [&str; 8] = ["PASS", "SECRET", "TOKEN", "KEY", "AUTH", "CREDENTIAL", "COOKIE", "SALT"];

/// Parts of the names of variables that say that a value like `host:port` is a place.
const PLACE: [&str; 13] =
    ["HOST", "ADDR", "URL", "URI", "ENDPOINT", "SERVER", "BROKER", "UPSTREAM", "SERVICE", "TARGET", "BACKEND", "NODES", "PEER"];

/// The places that variables name, in order and each once.
pub fn references<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Reference> {
    let variables: BTreeMap<&str, &str> = variables.into_iter().collect();
    let mut all = Vec::new();
    for (name, value) in &variables {
        let upper = name.to_ascii_uppercase();
        if OWN.iter().any(|part| upper.contains(part)) || value.len() > LOOKED_AT {
            continue;
        }
        let found = if value.contains("://") {
            addresses(value)
        } else if SECRET.iter().any(|part| upper.contains(part)) {
            Vec::new()
        } else if PLACE.iter().any(|part| upper.contains(part)) {
            let port_of_host = || Some((name.strip_suffix("HOST").or_else(|| name.strip_suffix("host"))?, value));
            let beside = port_of_host().and_then(|(stem, host)| {
                let port = variables.get(format!("{stem}PORT").as_str()).or_else(|| variables.get(format!("{stem}port").as_str()))?;
                Some((None, is_host(host).then(|| host.to_ascii_lowercase())?, port.parse().ok().filter(|port| *port > 0)?))
            });
            beside.map_or_else(|| places(value), |place| vec![place])
        } else {
            Vec::new()
        };
        let named = |(scheme, host, port): Place| Reference { variable: (*name).to_owned(), scheme, host, port };
        all.extend(found.into_iter().take(MOST).filter(|(_, host, _)| !is_any_host(host)).map(named));
    }
    all.dedup();
    all
}

type Place = (Option<String>, String, u16);

/// The places of the addresses in a value: one, or several after one another.
fn addresses(value: &str) -> Vec<Place> {
    let mut starts: Vec<usize> = Vec::new();
    for (at, _) in value.match_indices("://") {
        let before = value[..at].char_indices().rev().find(|(_, c)| !(c.is_ascii_alphanumeric() || "+-.:".contains(*c)));
        let begin = before.map_or(0, |(at, c)| at + c.len_utf8());
        // A further one begins after a separator; anything else belongs to the one before.
        let follows = value[..begin].chars().next_back().is_none_or(|c| ",; \t\n\"'|[".contains(c));
        if follows && begin < at && starts.last().is_none_or(|last| *last < begin) {
            starts.push(begin);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([value.len()]);
    let separators = [',', ';', ' ', '\t', '\n', '"', '\'', '|', '[', ']'];
    let pieces: Vec<&str> = starts.iter().zip(ends).map(|(start, end)| value[*start..end].trim_end_matches(separators)).collect();
    // One without a user before one with a user may be the beginning of a password.
    let users = pieces.iter().filter(|piece| piece.contains('@')).count();
    if users > 0 && users < pieces.len() {
        return Vec::new();
    }
    pieces.into_iter().flat_map(address).collect()
}

/// The places of one address: several when it names several hosts.
fn address(text: &str) -> Vec<Place> {
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    let Some((scheme, rest)) = text.split_once("://") else { return Vec::new() };
    let scheme = scheme.to_ascii_lowercase();
    let base = scheme.split('+').next().unwrap_or_default();
    let Some((_, usual)) = SCHEMES.iter().find(|(known, _)| *known == base) else { return Vec::new() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    // A password with a slash in it would make its beginning look like the host.
    if after.contains('@') {
        return Vec::new();
    }
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let all: Option<Vec<Place>> =
        hosts.split(',').map(|one| host_port(one, Some(*usual)).map(|(host, port)| (Some(base.to_owned()), host, port))).collect();
    all.unwrap_or_default()
}

/// The places of a value like `host:port`, or several with commas between.
fn places(value: &str) -> Vec<Place> {
    let all: Option<Vec<Place>> = value.split(',').map(|one| host_port(one.trim(), None).map(|(host, port)| (None, host, port))).collect();
    all.unwrap_or_default()
}

fn host_port(text: &str, usual: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, ""))) => (host, None),
        Some(Some((host, rest))) => (host, Some(rest.strip_prefix(':')?)),
        Some(None) => return None,
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_address = text.starts_with('[') && host.parse::<std::net::Ipv6Addr>().is_ok();
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok().filter(|port| *port > 0)?,
        Some(_) => return None,
        None => usual?,
    };
    (is_address || is_host(host)).then(|| (host.to_ascii_lowercase(), port))
}

fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether it is where something listens, and no place to go to.
fn is_any_host(host: &str) -> bool {
    matches!(host, "0.0.0.0" | "::")
}

#[cfg(test)]
mod tests {
    use super::references;

    fn read(name: &str, value: &str) -> Vec<String> {
        let all = references([(name, value)]);
        all.into_iter().map(|one| format!("{} {}:{}", one.scheme.unwrap_or_else(|| "-".into()), one.host, one.port)).collect()
    }

    #[test]
    fn a_place_is_read_and_nothing_else() {
        let table: &[(&str, &str, &[&str])] = &[
            ("DATABASE_URL", "postgres://app:se:cret@DB:6432/shop?sslmode=on", &["postgres db:6432"]),
            ("DATABASE_URL", "postgresql+asyncpg://app@db/shop", &["postgresql db:5432"]),
            ("JDBC", "jdbc:mysql://db:3307/shop", &["mysql db:3307"]),
            ("CACHE", "redis://:p%40ss@localhost", &["redis localhost:6379"]),
            ("CELERY", "rediss://127.0.0.1:6380/0", &["rediss 127.0.0.1:6380"]),
            ("MQ", "amqp://guest:guest@mq/", &["amqp mq:5672"]),
            ("MONGO", "mongodb://u:p,w@a:27018,b:27019/db?replicaSet=x", &["mongodb a:27018", "mongodb b:27019"]),
            ("MONGO", "mongodb+srv://u:p@cluster0.example.net/db", &["mongodb cluster0.example.net:27017"]),
            ("NATS_URL", "nats://a:4222,nats://b:4223", &["nats a:4222", "nats b:4223"]),
            ("KAFKA_BROKERS", "kafka1:9092, kafka2:9093", &["- kafka1:9092", "- kafka2:9093"]),
            ("PAYMENTS_URL", "http://payments:8002/api", &["http payments:8002"]),
            ("PAYMENTS_URL", "https://api.example.com", &["https api.example.com:443"]),
            ("API", "http://[::1]:8080/x", &["http ::1:8080"]),
            ("GRPC_TARGET", "inventory:50051", &["- inventory:50051"]),
            ("EMPTY_URL", "", &[]),
            ("FILE_URL", "sqlite:///var/lib/x.db", &[]),
            ("FILE_URL", "file://host/x", &[]),
            ("URL", "http://${HOST}:80/", &[]),
            ("URL", "http://host:http/", &[]),
            ("LISTEN_ADDR", "127.0.0.1:9000", &[]),
            ("CORS_ORIGINS", "http://localhost:3000", &[]),
            ("SERVER", "0.0.0.0:9000", &[]),
            ("BASIC_AUTH", "admin:1234", &[]),
            ("API_KEY_SERVER", "admin:1234", &[]),
            ("GREETING", "at:1234", &[]),
            ("URL", "postgres://u:a://b@host/db", &[]),
            ("URL", "postgres://u:12/34@host/db", &[]),
            ("URL", "postgres://u:12,ws://34@host/db", &[]),
            ("URLS", "[\"http://a:81\", \"http://b\"]", &["http a:81", "http b:80"]),
            ("LOGIN_URL", "https://id.example/login?next=http://localhost:3000", &["https id.example:443"]),
        ];
        for (name, value, expected) in table {
            assert_eq!(&read(name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn a_host_and_a_port_may_stand_in_two_variables() {
        let all = references([("DB_HOST", "localhost"), ("DB_PORT", "5432"), ("DB_USER", "app"), ("OTHER_HOST", "x"), ("PORT", "80")]);
        let all: Vec<_> = all.into_iter().map(|one| (one.variable, one.host, one.port)).collect();
        assert_eq!(all, [("DB_HOST".to_owned(), "localhost".to_owned(), 5432)]);
    }

    proptest::proptest! {
        #[test]
        fn no_part_of_user_password_path_or_query_is_ever_told(
            user in "U[a-z]{3}9", password in "P[a-z0-9:/?#,@%;= |]{0,8}Q", path in "(/Z[a-z0-9:,]{0,6})?(\\?Y[a-z:=]{0,5})?",
        ) {
            let value = format!("postgres://{user}:{password}@dbhost:5433{path}");
            for one in references([("DATABASE_URL", value.as_str())]) {
                proptest::prop_assert!(one.host == "dbhost" && one.port == 5433, "{value}: {one:?}");
            }
        }

        #[test]
        fn nothing_makes_it_fail(value in "[a-c:/@,;\\[\\]. \u{e9}0-9=]{0,40}") {
            let _ = references([("A_URL", value.as_str()), ("A_HOST", value.as_str()), ("A_PORT", "1")]);
        }
    }
}
