//! The part of a form that says how a container is run: texts, read and checked field by field.
#![allow(missing_docs, reason = "the fields are named as what they set")]

use api::{ContainerCheck, ContainerOptions, write_ports, write_volumes};
use serde::{Deserialize, Serialize};

use super::service_form::{number, typed};

/// What Docker asks a container to know its health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnCheck {
    /// What its image says.
    #[default]
    Image,
    /// Nothing.
    None,
    /// A line that the shell of the container reads.
    Shell,
    /// A program with its arguments.
    Program,
}

impl OwnCheck {
    /// The text in the form.
    pub const fn as_str(self) -> &'static str {
        match self {
            OwnCheck::Image => "image",
            OwnCheck::None => "none",
            OwnCheck::Shell => "shell",
            OwnCheck::Program => "program",
        }
    }
}

/// How a container is run otherwise than its image says. What is empty is as the image says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OptionsForm {
    /// Words; quotes keep some together, and no shell reads them.
    pub entrypoint: String,
    /// Words like that.
    pub command: String,
    pub working_dir: String,
    pub user: String,
    /// As [`api::read_volumes`] reads them.
    pub volumes: String,
    /// As [`api::read_ports`] reads them.
    pub ports: String,
    pub network: String,
    /// Names, with spaces or commas between them.
    pub aliases: String,
    pub check: OwnCheck,
    /// A line, or words, as `check` says.
    pub check_test: String,
    pub check_interval: String,
    pub check_timeout: String,
    pub check_retries: String,
    pub check_start: String,
    /// A box that isn't sent when it isn't ticked, like the next.
    pub read_only: bool,
    pub init: bool,
}

impl OptionsForm {
    /// What is said of a container now.
    pub fn of(options: &ContainerOptions) -> Self {
        let network = options.network.as_ref();
        let (check, check_test) = options.check.as_ref().map(test_of).unwrap_or_default();
        let seconds = |part: fn(&ContainerCheck) -> Option<u32>| number(options.check.as_ref().and_then(part));
        Self {
            entrypoint: typed(&options.entrypoint),
            command: typed(&options.command),
            working_dir: options.working_dir.clone().unwrap_or_default(),
            user: options.user.clone().unwrap_or_default(),
            volumes: write_volumes(&options.volumes),
            ports: write_ports(&options.ports),
            network: network.map(|place| place.name.clone()).unwrap_or_default(),
            aliases: network.map(|place| place.aliases.join(" ")).unwrap_or_default(),
            check,
            check_test,
            check_interval: seconds(|check| check.interval_seconds),
            check_timeout: seconds(|check| check.timeout_seconds),
            check_retries: seconds(|check| check.retries),
            check_start: seconds(|check| check.start_seconds),
            read_only: options.read_only,
            init: options.init,
        }
    }
}

fn test_of(check: &ContainerCheck) -> (OwnCheck, String) {
    match check.test.split_first() {
        Some((kind, rest)) if kind == "CMD-SHELL" => (OwnCheck::Shell, rest.join(" ")),
        Some((kind, rest)) if kind == "CMD" => (OwnCheck::Program, typed(rest)),
        _ => (OwnCheck::None, String::new()),
    }
}

#[cfg(feature = "ssr")]
mod reading {
    use api::{ContainerCheck, ContainerOptions, ImagePatch, NetworkPlace, Source};

    use super::{OptionsForm, OwnCheck};
    use crate::rpc::numbers::Numbers;

    /// Where the options are in what is asked for.
    const AT: &str = "/source/options";

    impl OptionsForm {
        /// The options that the form says. `before` are those that it was filled with: what is as it was shown stays as it is, to the
        /// letter, also what a field of a form can't hold.
        pub(in crate::rpc) fn options(&self, before: &ContainerOptions, numbers: &mut Numbers) -> ContainerOptions {
            let shown = Self::of(before);
            let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            let words = |numbers: &mut Numbers, field: &str, text: &str, shown: &str, before: &[String]| match is_same(text, shown) {
                true => before.to_vec(),
                false => numbers.words(&format!("{AT}/{field}"), &plain(text)),
            };
            ContainerOptions {
                entrypoint: words(numbers, "entrypoint", &self.entrypoint, &shown.entrypoint, &before.entrypoint),
                command: words(numbers, "command", &self.command, &shown.command, &before.command),
                working_dir: some(&self.working_dir),
                user: some(&self.user),
                ports: numbers.take(api::read_ports(&self.ports, &format!("{AT}/ports"))),
                volumes: numbers.take(api::read_volumes(&self.volumes, &format!("{AT}/volumes"))),
                network: self.place(numbers),
                check: if self.has_check_of(&shown) { before.check.clone() } else { self.check(&shown, numbers) },
                read_only: self.read_only,
                init: self.init,
            }
        }

        /// A change of the image of a service and of its options. Fails with each field that can't be read.
        pub fn patch(&self, image: &str, container_port: &str, before: &Source) -> api::Result<ImagePatch> {
            let none = ContainerOptions::default();
            let (options, is_built) = match before {
                Source::Image { options, .. } => (&**options, false),
                Source::Build { options, .. } => (&**options, true),
                _ => (&none, false),
            };
            let mut numbers = Numbers::default();
            let container_port = numbers.port_at("/source/container_port", container_port);
            let options = self.options(options, &mut numbers);
            numbers.refuse()?;
            let image = Some(image.trim().to_owned()).filter(|_| !is_built);
            let (container_port, options) = (Some(container_port.unwrap_or(0)), Some(Box::new(options)));
            Ok(ImagePatch { image, container_port, options, ..ImagePatch::default() })
        }

        fn place(&self, numbers: &mut Numbers) -> Option<NetworkPlace> {
            let aliases: Vec<String> = self.aliases.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
            let name = self.network.trim().to_owned();
            if name.is_empty() && !aliases.is_empty() {
                numbers.fault(&format!("{AT}/network/name"), "names in a network need the network: say which, or leave them out".into());
            }
            (!name.is_empty()).then_some(NetworkPlace { name, aliases })
        }

        fn check(&self, shown: &Self, numbers: &mut Numbers) -> Option<ContainerCheck> {
            let field = |name: &str| format!("{AT}/check/{name}");
            let test = match self.check {
                OwnCheck::Image if self.has_check_fields_of(shown) || self.has_check_fields_of(&Self::default()) => return None,
                OwnCheck::Image => {
                    let message = "the check of the image is taken as it is: choose another for this test and these times, or empty them";
                    numbers.fault(&field("test"), message.into());
                    return None;
                }
                OwnCheck::None => vec!["NONE".to_owned()],
                OwnCheck::Shell => vec!["CMD-SHELL".to_owned(), plain(&self.check_test).trim().to_owned()],
                OwnCheck::Program => {
                    let words = numbers.words(&field("test"), &plain(&self.check_test));
                    std::iter::once("CMD".to_owned()).chain(words).collect()
                }
            };
            if self.check != OwnCheck::None && self.check_test.trim().is_empty() {
                numbers.fault(&field("test"), "say what is run to know its health, or choose another check".into());
            }
            Some(ContainerCheck {
                test,
                interval_seconds: numbers.limit(&field("interval_seconds"), "the time between checks", &self.check_interval),
                timeout_seconds: numbers.limit(&field("timeout_seconds"), "the time that a check may take", &self.check_timeout),
                retries: numbers.limit(&field("retries"), "the number of failures", &self.check_retries),
                start_seconds: numbers.limit(&field("start_seconds"), "the time to start up", &self.check_start),
            })
        }

        fn has_check_of(&self, shown: &Self) -> bool {
            self.check == shown.check && self.has_check_fields_of(shown)
        }

        fn has_check_fields_of(&self, other: &Self) -> bool {
            let fields = |form: &Self| {
                [&form.check_test, &form.check_interval, &form.check_timeout, &form.check_retries, &form.check_start]
                    .map(|text| plain(text))
            };
            fields(self) == fields(other)
        }
    }

    /// A text as it was before a browser has sent it.
    fn plain(text: &str) -> String {
        text.replace("\r\n", "\n")
    }

    fn is_same(sent: &str, shown: &str) -> bool {
        plain(sent) == plain(shown)
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{ContainerCheck, ContainerOptions, NetworkPlace, PublishedPort, Source, VolumeMount};

    use super::{OptionsForm, OwnCheck};

    fn read(form: &OptionsForm) -> api::Result<ContainerOptions> {
        let patch = form.patch("web:1", "", &Source::Demonstration { demonstration: true })?;
        Ok(*patch.options.unwrap())
    }

    fn full(test: &[&str], command: &[&str]) -> ContainerOptions {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        ContainerOptions {
            entrypoint: words(&["/bin/sh", "-c"]),
            command: words(command),
            working_dir: Some("/srv".into()),
            user: Some("1000:1000".into()),
            ports: vec![
                PublishedPort { host_port: Some(8081), address: Some("::1".into()), ..PublishedPort::new(81) },
                PublishedPort::new(82),
            ],
            volumes: vec![VolumeMount { volume: "data".into(), path: "/a b".into(), read_only: true }],
            network: Some(NetworkPlace { name: "shop".into(), aliases: words(&["web", "www"]) }),
            check: Some(ContainerCheck {
                test: words(test),
                interval_seconds: Some(5),
                timeout_seconds: None,
                retries: Some(2),
                start_seconds: Some(60),
            }),
            read_only: true,
            init: true,
        }
    }

    #[test]
    fn what_is_shown_and_saved_unchanged_stays_as_it_is_to_the_letter() {
        assert_eq!(read(&OptionsForm::default()).unwrap(), ContainerOptions::default());
        for test in [&["NONE"][..], &["CMD-SHELL", " curl -f x || exit 1\n"], &["CMD", "pg_isready", "-d", "a b", ""]] {
            for command in [&["echo 'a b'; sleep 1\nexec x", ""][..], &["a\r\nb", "c\rd"]] {
                let options = full(test, command);
                let mut form = OptionsForm::of(&options);
                // As a browser sends the lines of a text.
                for text in [&mut form.command, &mut form.check_test, &mut form.ports, &mut form.volumes] {
                    *text = text.replace("\r\n", "\n").replace('\n', "\r\n");
                }
                let source =
                    Source::Image { image: "web:1".into(), container_port: Some(80), options: Box::new(options.clone()), registry: None };
                let patch = form.patch(" web:2", "80", &source).unwrap();
                assert_eq!((patch.image.as_deref(), patch.container_port), (Some("web:2"), Some(80)));
                assert_eq!(*patch.options.unwrap(), options);
            }
        }
    }

    #[test]
    fn what_is_typed_is_read_without_what_was_before() {
        let options = full(&["CMD", "x"], &["a", "b"]);
        assert_eq!(read(&OptionsForm::of(&options)).unwrap(), options);
        let typed = OptionsForm {
            command: "serve --name 'a b' $HOME;ls\r\n--last".into(),
            check: OwnCheck::Shell,
            check_test: " test -f /ok ".into(),
            aliases: "a,b  c".into(),
            network: " shop ".into(),
            ..OptionsForm::default()
        };
        let read = read(&typed).unwrap();
        assert_eq!(read.command, ["serve", "--name", "a b", "$HOME;ls", "--last"].map(String::from));
        assert_eq!(read.check.unwrap().test, ["CMD-SHELL", "test -f /ok"].map(String::from));
        assert_eq!(read.network.unwrap().aliases.len(), 3);
    }

    #[test]
    fn what_is_emptied_is_as_the_image_says() {
        let before = full(&["CMD", "x"], &["a"]);
        let source = Source::Image { image: "web:1".into(), container_port: Some(80), options: Box::new(before.clone()), registry: None };
        let patch = OptionsForm::default().patch("web:1", " ", &source).unwrap();
        assert_eq!((patch.container_port, *patch.options.unwrap()), (Some(0), ContainerOptions::default()));
        let chosen = OptionsForm { check: OwnCheck::Image, ..OptionsForm::of(&before) };
        assert_eq!(chosen.patch("web:1", "", &source).unwrap().options.unwrap().check, None, "choosing is enough");
    }

    #[test]
    fn each_field_that_can_not_be_read_is_named() {
        let wrong = OptionsForm {
            entrypoint: "a 'b".into(),
            ports: "x".into(),
            volumes: "data\n/data".into(),
            aliases: "web".into(),
            check_interval: "5".into(),
            ..OptionsForm::default()
        };
        let at = |form: &OptionsForm| read(form).unwrap_err().details.into_iter().map(|detail| detail.field).collect::<Vec<_>>();
        let expected =
            ["entrypoint", "ports", "volumes", "volumes", "network/name", "check/test"].map(|field| format!("/source/options/{field}"));
        assert_eq!(at(&wrong), expected);
        let wrong = OptionsForm { check: OwnCheck::Program, check_timeout: "soon".into(), ..OptionsForm::default() };
        assert_eq!(at(&wrong), ["/source/options/check/test", "/source/options/check/timeout_seconds"]);
    }
}
