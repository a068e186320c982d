//! How Pilothouse is configured: flags, then `PILOTHOUSE_*` of the environment, then a TOML file, then what is built in.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use api::{Error, Secret};
use clap::Args;
use engine::{DockerHost, SecretsKey};
use serde::Deserialize;

/// The file that is read when none is named and it is there, in the working folder or the data folder.
const FILE: &str = "pilothouse.toml";

/// Declares the settings once: doc comment, name, type, environment variable, built-in value (as text, for the table).
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $env:literal, $default:literal;)+) => {
        /// What flags and environment say.
        #[derive(Clone, Debug, Default, Args)]
        pub struct Given {
            /// The TOML file; pilothouse.toml in the working folder or the data folder unless given.
            #[arg(long, env = "PILOTHOUSE_CONFIG", value_name = "FILE")]
            pub config: Option<PathBuf>,
            $($(#[doc = $doc])+ #[arg(long, env = $env, hide_env_values = true)] pub $name: Option<$type>,)+
        }

        /// What the file says: the same names.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct File {
            $($name: Option<$type>,)+
        }

        impl Given {
            /// What is given, else what the file says.
            fn or(self, file: File) -> Self {
                Self { config: self.config, $($name: self.$name.or(file.$name),)+ }
            }
        }

        /// Name, environment variable and built-in value of each setting.
        const TABLE: &[(&str, &str, &str)] = &[$((stringify!($name), $env, $default)),+];
    };
}

settings! {
    /// The address to listen on. Port 0 lets the system choose. Anything but a loopback address needs `trusted_proxy` or an https `public_url`
    listen: SocketAddr = "PILOTHOUSE_LISTEN", "127.0.0.1:7700";
    /// The folder that everything is kept in
    data_dir: PathBuf = "PILOTHOUSE_DATA_DIR", "~/.local/share/pilothouse";
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    database_url: String = "PILOTHOUSE_DATABASE_URL", "SQLite in the data folder";
    /// The folder that is looked through for services
    services_dir: PathBuf = "PILOTHOUSE_SERVICES_DIR", "none";
    /// The users of the system, with commas between them (in the file a list), that a Developer may let services run as, whatever these run; an Admin may choose any but root. Only where Pilothouse runs as root
    service_users: Names = "PILOTHOUSE_SERVICE_USERS", "none";
    /// The Docker Engine whose containers are shown and run: `unix://PATH`, `tcp://HOST:PORT`, or `off`
    docker_host: String = "PILOTHOUSE_DOCKER_HOST", "`/var/run/docker.sock`, when it is there";
    /// The folder with `ca.pem`, `cert.pem` and `key.pem`, for an engine over TLS
    docker_certificates: PathBuf = "PILOTHOUSE_DOCKER_CERTIFICATES", "none";
    /// The password of the user `admin`, made at the start when there is no user; without it a one-time set-up link is printed. Better given in the environment than as a flag
    admin_password: Password = "PILOTHOUSE_ADMIN_PASSWORD", "none";
    /// A file with the key that the keys of secrets are wrapped with: 32 random bytes, as they are, as 64 hexadecimal digits or as base64. Others must not be able to read it. Without it or `secrets_key` the key is made of Pilothouse's own one
    secrets_key_file: PathBuf = "PILOTHOUSE_SECRETS_KEY_FILE", "none";
    /// That key itself, as 64 hexadecimal digits or as base64; `secrets_key_file` counts more. Better given in the environment than as a flag
    secrets_key: Password = "PILOTHOUSE_SECRETS_KEY", "none";
    /// The address that people use, when it is another than the one listened on, such as `https://pilothouse.example.org`
    public_url: String = "PILOTHOUSE_PUBLIC_URL", "none";
    /// The address of the proxy in front that ends TLS; its `X-Forwarded-For` is believed
    trusted_proxy: IpAddr = "PILOTHOUSE_TRUSTED_PROXY", "none";
    /// How Pilothouse writes its own log to standard error: `text` or `json`
    log_format: LogFormat = "PILOTHOUSE_LOG_FORMAT", "text";
    /// What it writes: `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,engine=debug`
    log_level: String = "PILOTHOUSE_LOG_LEVEL", "info";
    /// Requests a second for each user or address, and messages on each WebSocket; 0 is no limit
    rate_limit: u32 = "PILOTHOUSE_RATE_LIMIT", "50";
    /// Requests that may come at once before `rate_limit` counts
    rate_burst: u32 = "PILOTHOUSE_RATE_BURST", "200";
    /// Sign-ins a minute for each address and account; 0 is no limit
    login_limit: u32 = "PILOTHOUSE_LOGIN_LIMIT", "10";
    /// Days that logs and figures of a minute are kept, 1 to 3650
    retention_days: u32 = "PILOTHOUSE_RETENTION_DAYS", "14";
    /// Whether a demonstration service is there when no other is: `true` or `false`
    demonstration: bool = "PILOTHOUSE_DEMONSTRATION", "false";
}

/// How the own log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A password or a key from flags, environment or file; never printed.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Password(Secret);

impl std::str::FromStr for Password {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Secret::new(text)))
    }
}

/// Names with commas between them, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "OneOrMany")]
pub struct Names(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "names are a text with commas between them, or a list")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Names {
    fn from(names: OneOrMany) -> Self {
        let names = match names {
            OneOrMany::One(text) => text.split(',').map(String::from).collect(),
            OneOrMany::Many(names) => names,
        };
        let mut kept: Vec<String> = names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        kept.sort();
        kept.dedup();
        Self(kept)
    }
}

impl std::str::FromStr for Names {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(OneOrMany::One(text.to_owned()).into())
    }
}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The folder that everything is kept in.
    pub data_dir: PathBuf,
    /// The database; none is SQLite in the data folder.
    pub database_url: Option<String>,
    /// The folder that is looked through for services.
    pub services_dir: Option<PathBuf>,
    /// The users of the system that a Developer may let services run as; the engine checks them.
    pub service_users: Vec<String>,
    /// Where the Docker Engine is.
    pub docker: DockerHost,
    /// The password of the user `admin`, made when there is no user.
    pub admin_password: Option<Secret>,
    /// What the keys of secrets are wrapped with; the engine reads it.
    pub secrets_key: SecretsKey,
    /// The address that people use, without a slash at its end.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxy: Vec<IpAddr>,
    /// How the own log is written.
    pub log_format: LogFormat,
    /// What the own log has.
    pub log_level: String,
    /// Requests a second for each caller; 0 is no limit.
    pub rate_limit: u32,
    /// Requests that may come at once.
    pub rate_burst: u32,
    /// Sign-ins a minute for each address and account; none is no limit.
    pub login_limit: Option<u32>,
    /// Days that logs and figures of a minute are kept.
    pub retention_days: u32,
    /// Whether the demonstration service is there when no other is.
    pub demonstration: bool,
    /// The program that supervises services: this one.
    pub program: PathBuf,
}

/// Where the Docker Engine is, checked.
fn docker(host: Option<String>, certificates: Option<PathBuf>) -> Result<DockerHost, Error> {
    let certificates = certificates.filter(|path| !path.as_os_str().is_empty()).map(absolute).transpose()?;
    match host.as_deref().map(str::trim).filter(|host| !host.is_empty()) {
        None if certificates.is_some() => {
            Err(Error::invalid("docker_certificates", "docker_certificates goes with a docker_host such as tcp://10.0.0.5:2376"))
        }
        None => Ok(DockerHost::Usual),
        Some("off") => Ok(DockerHost::Off),
        Some(address) if address.starts_with("unix:///") || address.starts_with("tcp://") => {
            Ok(DockerHost::At { address: address.to_owned(), certificates })
        }
        Some(_) => Err(Error::invalid("docker_host", "docker_host is unix:///PATH, tcp://HOST:PORT or off")),
    }
}

/// Where the key of secrets is from: a file counts more than the key itself.
fn secrets_key(file: Option<PathBuf>, text: Option<Password>) -> Result<SecretsKey, Error> {
    if let Some(path) = file.filter(|path| !path.as_os_str().is_empty()) {
        return absolute(path).map(SecretsKey::File);
    }
    Ok(text.map(|text| text.0).filter(|text| !text.reveal().is_empty()).map_or(SecretsKey::Derived, SecretsKey::Text))
}

impl Settings {
    /// Reads the file, if there is one, and checks everything. The message of an error names the setting and says what would be right.
    pub fn load(given: Given) -> Result<Self, Error> {
        let file = match file_of(&given) {
            Some(path) => read(&path)?,
            None => File::default(),
        };
        Self::checked(given.or(file))
    }

    fn checked(given: Given) -> Result<Self, Error> {
        let settings = Self {
            listen: given.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7700))),
            data_dir: absolute(given.data_dir.unwrap_or_else(default_data_dir))?,
            database_url: given.database_url.filter(|url| !url.is_empty()),
            services_dir: given.services_dir.filter(|path| !path.as_os_str().is_empty()).map(absolute).transpose()?,
            service_users: given.service_users.unwrap_or_default().0,
            docker: docker(given.docker_host, given.docker_certificates)?,
            admin_password: given.admin_password.map(|password| password.0).filter(|password| !password.reveal().is_empty()),
            secrets_key: secrets_key(given.secrets_key_file, given.secrets_key)?,
            public_url: given.public_url.filter(|url| !url.is_empty()).map(|url| url.trim_end_matches('/').to_owned()),
            trusted_proxy: given.trusted_proxy.into_iter().collect(),
            log_format: given.log_format.unwrap_or_default(),
            log_level: given.log_level.unwrap_or_else(|| "info".into()),
            rate_limit: given.rate_limit.unwrap_or(50),
            rate_burst: given.rate_burst.unwrap_or(200),
            login_limit: Some(given.login_limit.unwrap_or(10)).filter(|limit| *limit > 0),
            retention_days: given.retention_days.unwrap_or(14),
            demonstration: given.demonstration.unwrap_or(false),
            program: std::env::current_exe()
                .map_err(|error| Error::unavailable(format!("the path of this program is unknown: {error}")))?,
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Error> {
        if let Some(url) = &self.public_url {
            let parsed: Option<http::Uri> = url.parse().ok();
            let is_right =
                parsed.is_some_and(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.path() == "/" && url.query().is_none());
            if !is_right {
                return Err(Error::invalid(
                    "public_url",
                    "public_url is a scheme, a host and maybe a port: https://pilothouse.example.org",
                ));
            }
        }
        if !(1..=3650).contains(&self.retention_days) {
            return Err(Error::invalid("retention_days", format!("retention_days is 1 to 3650, not {}", self.retention_days)));
        }
        let has_tls = self.public_url.as_deref().is_some_and(|url| url.starts_with("https://")) || !self.trusted_proxy.is_empty();
        if !self.listen.ip().is_loopback() && !has_tls {
            let message = format!(
                "{} is not a loopback address, and passwords would cross the network unencrypted: listen on 127.0.0.1, or put a proxy that ends \
                 TLS in front and set PILOTHOUSE_TRUSTED_PROXY to its address, or PILOTHOUSE_PUBLIC_URL to its https address",
                self.listen
            );
            return Err(Error::invalid("listen", message));
        }
        Ok(())
    }
}

/// The table of the README: every setting with its flag, variable, key in the file, built-in value and meaning, as Markdown.
pub fn markdown() -> String {
    let command = Given::augment_args(clap::Command::new("table"));
    let mut text = "| flag, key in the file | environment | built in | what it is |\n| --- | --- | --- | --- |\n".to_owned();
    for (name, env, default) in TABLE {
        let meaning = command.get_arguments().find(|arg| arg.get_id() == name).and_then(|arg| arg.get_help()).map(ToString::to_string);
        let flag = name.replace('_', "-");
        text += &format!("| `--{flag}`, `{name}` | `{env}` | {} | {} |\n", quoted(default), meaning.unwrap_or_default());
    }
    text
}

fn quoted(default: &str) -> String {
    if default.contains(' ') || default == "none" { default.to_owned() } else { format!("`{default}`") }
}

fn file_of(given: &Given) -> Option<PathBuf> {
    let data_dir = given.data_dir.clone().unwrap_or_else(default_data_dir);
    given.config.clone().or_else(|| [PathBuf::from(FILE), data_dir.join(FILE)].into_iter().find(|path| path.is_file()))
}

fn read(path: &Path) -> Result<File, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::invalid("config", format!("the configuration file {} can't be read: {error}", path.display())))?;
    parse(&text).map_err(|message| Error::invalid("config", format!("{}: {message}", path.display())))
}

fn parse(text: &str) -> Result<File, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text.as_bytes()[..span.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{place}{}", error.message())
    })
}

fn absolute(path: PathBuf) -> Result<PathBuf, Error> {
    std::path::absolute(&path).map_err(|error| Error::invalid("path", format!("{} is no path: {error}", path.display())))
}

fn default_data_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home);
    base.map_or_else(|| PathBuf::from("pilothouse-data"), |base| base.join("pilothouse"))
}

#[cfg(test)]
mod tests {
    use super::{Given, Settings, markdown, parse};

    fn message_of(given: Given) -> String {
        Settings::checked(given).expect_err("it is wrong").message
    }

    #[test]
    fn what_is_given_counts_more_than_the_file() {
        let file = parse("listen = \"127.0.0.1:1\"\nrate_limit = 7").expect("it is right");
        let given = Given { rate_limit: Some(9), ..Given::default() };
        let settings = Settings::checked(given.or(file)).expect("it is right");
        assert_eq!((settings.listen.port(), settings.rate_limit, settings.rate_burst), (1, 9, 200));
    }

    #[test]
    fn an_unknown_key_of_the_file_is_named_with_its_line() {
        let message = parse("rate_limit = 1\nlisten_on = 3").expect_err("it is unknown");
        assert!(message.contains("line 2") && message.contains("listen_on"), "{message}");
        assert!(parse("rate_limit = \"many\"").expect_err("it is no number").contains("invalid type"));
    }

    #[test]
    fn the_users_of_services_are_a_list_or_a_text_with_commas() {
        let wanted = ["orders", "shop"].map(String::from).to_vec();
        for text in ["service_users = ['shop', ' orders ', 'shop']", "service_users = 'shop, orders,,'"] {
            let settings = Settings::checked(Given::default().or(parse(text).expect("it is right"))).expect("it is right");
            assert_eq!(settings.service_users, wanted, "{text}");
        }
        let given = Given { service_users: Some("orders,shop".parse().expect("names")), ..Given::default() };
        assert_eq!(
            Settings::checked(given.or(parse("service_users = ['x']").expect("it is right"))).expect("it is right").service_users,
            wanted
        );
        assert!(parse("service_users = 7").expect_err("it is no name").contains("commas"));
    }

    #[test]
    fn an_open_address_without_tls_is_refused_with_what_to_set() {
        let open = || Given { listen: Some(([0, 0, 0, 0], 80).into()), ..Given::default() };
        assert!(message_of(open()).contains("PILOTHOUSE_TRUSTED_PROXY"));
        assert!(Settings::checked(Given { public_url: Some("https://a.example/".into()), ..open() }).is_ok());
        assert!(Settings::checked(Given { trusted_proxy: Some([10, 0, 0, 1].into()), ..open() }).is_ok());
        assert!(message_of(Given { public_url: Some("a.example/x".into()), ..Given::default() }).contains("public_url"));
    }

    #[test]
    fn the_table_says_something_of_every_setting() {
        for line in markdown().lines().skip(2) {
            assert!(line.split(" | ").all(|cell| cell.trim_matches(['|', ' ']).len() > 1), "{line}");
        }
    }
}
