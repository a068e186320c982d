//! The form with the settings of a service: texts, read and checked field by field.
#![allow(missing_docs, reason = "the fields are named as what they set")]

#[cfg(feature = "ssr")]
use api::HealthTest;
use api::{CheckKind, RestartPolicy, ServiceDetail, ServiceId, write_variables};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::context::RequestContext;

/// What the form with the settings of a service sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceForm {
    pub name: String,
    pub description: String,
    /// Empty lets Pilothouse choose.
    pub port: String,
    /// As [`api::read_variables`] reads it.
    pub environment: String,
    /// The boxes that are ticked; none of them is sent when none is.
    #[serde(default)]
    pub depends_on: Vec<ServiceId>,
    #[serde(default)]
    pub health_kind: CheckKind,
    /// For HTTP; empty tries the usual ones.
    #[serde(default)]
    pub health_path: String,
    /// For a command: program and arguments, with quotes where a word has spaces.
    #[serde(default)]
    pub health_command: String,
    pub health_interval: String,
    pub health_timeout: String,
    pub unhealthy_threshold: String,
    pub healthy_threshold: String,
    pub metrics_path: String,
    pub stop_grace: String,
    pub restart: RestartPolicy,
}

impl ServiceForm {
    /// What a service is set to now.
    pub fn of(detail: &ServiceDetail) -> Self {
        let (service, spec) = (&detail.service, &detail.spec);
        let health = &spec.health;
        Self {
            name: service.name.clone(),
            description: service.description.clone().unwrap_or_default(),
            port: spec.port.map(|port| port.to_string()).unwrap_or_default(),
            environment: write_variables(&spec.environment),
            depends_on: spec.depends_on.clone(),
            health_kind: health.kind,
            health_path: health.path.clone().unwrap_or_default(),
            health_command: typed(&health.command),
            health_interval: health.interval_seconds.to_string(),
            health_timeout: health.timeout_seconds.to_string(),
            unhealthy_threshold: health.unhealthy_threshold.to_string(),
            healthy_threshold: health.healthy_threshold.to_string(),
            metrics_path: spec.metrics_path.clone(),
            stop_grace: spec.stop_grace_seconds.to_string(),
            restart: spec.restart,
        }
    }
}

/// A command as it is typed: words with quotes where they are needed, which reading takes off again.
fn typed(command: &[String]) -> String {
    let is_plain =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./=:,@%+${}".contains(&byte));
    let quoted = |word: &String| if is_plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) };
    command.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(feature = "ssr")]
impl ServiceForm {
    /// Tries out its health check.
    pub(super) async fn test(&self, context: &RequestContext, id: ServiceId, form_token: &str) -> api::Result<HealthTest> {
        context.check_form_token(form_token)?;
        let mut numbers = Numbers::default();
        let check = self.health(&mut numbers);
        numbers.refuse()?;
        context.backend.services.test_health(context.caller()?, id, check).await
    }

    /// The health check; what only another kind has is left out.
    fn health(&self, numbers: &mut Numbers) -> api::HealthCheck {
        let path = Some(self.health_path.trim().to_owned()).filter(|path| !path.is_empty());
        let command = match self.health_kind {
            CheckKind::Command => numbers.words("/health/command", &self.health_command),
            _ => Vec::new(),
        };
        api::HealthCheck {
            kind: self.health_kind,
            path: path.filter(|_| self.health_kind == CheckKind::Http),
            command,
            interval_seconds: numbers.read("/health/interval_seconds", "the interval of the health check", &self.health_interval),
            timeout_seconds: numbers.read("/health/timeout_seconds", "the timeout of the health check", &self.health_timeout),
            unhealthy_threshold: numbers.read("/health/unhealthy_threshold", "the number of failures", &self.unhealthy_threshold),
            healthy_threshold: numbers.read("/health/healthy_threshold", "the number of successes", &self.healthy_threshold),
        }
    }

    pub(super) fn patch(self) -> api::Result<api::ServicePatch> {
        let mut numbers = Numbers::default();
        let health = self.health(&mut numbers);
        let stop_grace = numbers.read("/stop_grace_seconds", "the grace of a stop", &self.stop_grace);
        let port = numbers.port(&self.port);
        let environment = numbers.variables(&self.environment);
        numbers.refuse()?;
        Ok(api::ServicePatch {
            name: Some(self.name.trim().to_owned()),
            description: Some(self.description),
            port: Some(port.unwrap_or(0)),
            environment: Some(environment),
            depends_on: Some(self.depends_on),
            health: Some(health),
            metrics_path: Some(self.metrics_path.trim().to_owned()),
            stop_grace_seconds: Some(stop_grace),
            restart: Some(self.restart),
        })
    }
}

/// Reads the fields of a form, and gathers what is wrong with them.
#[cfg(feature = "ssr")]
#[derive(Default)]
pub(super) struct Numbers(Vec<api::Detail>);

#[cfg(feature = "ssr")]
impl Numbers {
    pub fn fault(&mut self, field: &str, message: String) {
        self.0.push(api::Detail { field: field.into(), message });
    }

    pub fn read(&mut self, field: &str, what: &str, text: &str) -> u32 {
        text.trim().parse().unwrap_or_else(|_| {
            self.fault(field, format!("{what} is a whole number"));
            0
        })
    }

    pub fn port(&mut self, text: &str) -> Option<u16> {
        self.port_at("/port", text)
    }

    pub fn port_at(&mut self, field: &str, text: &str) -> Option<u16> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let port = text.parse().ok().filter(|port| *port > 0);
        if port.is_none() {
            self.fault(field, "a port is a number from 1 to 65535; leave it empty to let Pilothouse choose".into());
        }
        port
    }

    /// A command as its words: quotes keep some together, and no shell reads them.
    pub fn words(&mut self, field: &str, text: &str) -> Vec<String> {
        shell_words::split(text.trim()).unwrap_or_else(|_| {
            self.fault(field, "a quote of the command has no end".into());
            Vec::new()
        })
    }

    pub fn variables(&mut self, text: &str) -> std::collections::BTreeMap<String, String> {
        api::read_variables(text).unwrap_or_else(|error| {
            self.0.extend(error.details);
            Default::default()
        })
    }

    pub fn refuse(self) -> api::Result<()> {
        api::Error::invalid_fields(self.0)
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{CheckKind, RestartPolicy};

    use super::{ServiceForm, typed};

    fn form() -> ServiceForm {
        ServiceForm {
            name: " orders ".into(),
            description: String::new(),
            port: String::new(),
            environment: "A=1\r\nB=2".into(),
            depends_on: Vec::new(),
            health_kind: CheckKind::Http,
            health_path: " ".into(),
            health_command: String::new(),
            health_interval: "15".into(),
            health_timeout: "5".into(),
            unhealthy_threshold: "3".into(),
            healthy_threshold: "1".into(),
            metrics_path: "/metrics".into(),
            stop_grace: "10".into(),
            restart: RestartPolicy::Always,
        }
    }

    #[test]
    fn a_form_is_a_change_of_everything_in_it() {
        let patch = form().patch().unwrap();
        assert_eq!((patch.name.as_deref(), patch.port, patch.health.unwrap().path), (Some("orders"), Some(0), None));
        assert_eq!(patch.environment.unwrap()["B"], "2");
    }

    #[test]
    fn a_check_has_only_what_its_kind_asks_for() {
        let both = ServiceForm { health_path: "/up".into(), health_command: "sh -c 'exit 3'".into(), ..form() };
        let check = |health_kind| ServiceForm { health_kind, ..both.clone() }.patch().unwrap().health.unwrap();
        let (http, tcp, command) = (check(CheckKind::Http), check(CheckKind::Tcp), check(CheckKind::Command));
        assert_eq!((http.path.as_deref(), http.command.len()), (Some("/up"), 0));
        assert_eq!((tcp.path, tcp.command.len()), (None, 0));
        assert_eq!((command.path, command.command), (None, ["sh", "-c", "exit 3"].map(String::from).to_vec()));
        let open = ServiceForm { health_kind: CheckKind::Command, health_command: "a 'b".into(), ..form() };
        assert_eq!(open.patch().unwrap_err().details[0].field, "/health/command");
    }

    #[test]
    fn each_field_that_is_no_number_is_named() {
        let wrong = ServiceForm { port: "99999".into(), health_interval: "soon".into(), environment: "A".into(), ..form() };
        let fields: Vec<_> = wrong.patch().unwrap_err().details.into_iter().map(|detail| detail.field).collect();
        assert_eq!(fields, ["/health/interval_seconds", "/port", "/environment"]);
    }

    #[test]
    fn a_command_is_read_as_it_was_written() {
        let command = ["/bin/sh", "-c", "test -f 'a b' && exit 0", "", "$PORT", "ü", "\\", "#x", "~", "*"].map(String::from);
        assert_eq!(shell_words::split(&typed(&command)).unwrap(), command);
        assert_eq!(typed(&["pg_isready", "-p", "$PORT"].map(String::from)), "pg_isready -p $PORT");
    }
}
