//! The form with the settings of a service: texts, read and checked field by field.
#![allow(missing_docs, reason = "the fields are named as what they set")]

#[cfg(feature = "ssr")]
use api::HealthTest;
use api::{CheckKind, RestartPolicy, ServiceDetail, ServiceId, Source, write_bytes, write_labels, write_variables};
use serde::{Deserialize, Deserializer, Serialize};

#[cfg(feature = "ssr")]
use super::numbers::Numbers;
use super::{OptionsForm, RegistryForm, RepositoryForm, RolloutForm};
#[cfg(feature = "ssr")]
use crate::context::RequestContext;

/// A field that is sent, also when it is empty: what reads forms takes an empty one for none otherwise, and nobody could take out what is there.
fn sent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Limits as the texts of their fields: memory, CPU, processes and open files.
pub fn limit_texts(limits: &api::Limits) -> [String; 4] {
    let memory = limits.memory_bytes.map(write_bytes).unwrap_or_default();
    [memory, number(limits.cpu_percent), number(limits.processes), number(limits.open_files)]
}

/// What the form with the settings of a service sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceForm {
    pub name: String,
    pub description: String,
    /// Empty is the user of Pilothouse. Not sent where there is none to choose, and then nothing is changed.
    #[serde(default, deserialize_with = "sent", skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Empty lets Pilothouse choose.
    pub port: String,
    /// Empty has no proxy. Not sent where there can be none, and then nothing is changed.
    #[serde(default, deserialize_with = "sent", skip_serializing_if = "Option::is_none")]
    pub proxy_port: Option<String>,
    /// Empty is one. Not sent where there can be no more, and then nothing is changed.
    #[serde(default, deserialize_with = "sent", skip_serializing_if = "Option::is_none")]
    pub replicas: Option<String>,
    /// Not sent where nothing is deployed, and then nothing is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutForm>,
    /// As [`api::read_variables`] reads it. Not sent where they can't be read, and then nothing is changed.
    #[serde(default, deserialize_with = "sent", skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
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
    /// Not sent where it can't be, and then nothing is changed.
    #[serde(default)]
    pub handover: Option<bool>,
    /// As [`api::read_bytes`] reads it; empty is no limit, as for the others.
    #[serde(default)]
    pub limit_memory: String,
    #[serde(default)]
    pub limit_cpu: String,
    #[serde(default)]
    pub limit_processes: String,
    #[serde(default)]
    pub limit_files: String,
    /// As [`api::read_labels`] reads them.
    #[serde(default)]
    pub labels: String,
    /// With blanks between them; quotes keep words together.
    #[serde(default)]
    pub environment_files: String,
    /// For a service of an image, as the next two.
    #[serde(default)]
    pub image: String,
    /// Where it listens in its container; empty takes what the image says.
    #[serde(default)]
    pub container_port: String,
    /// None for other services.
    #[serde(default)]
    pub options: Option<OptionsForm>,
    /// None for other services.
    #[serde(default)]
    pub registry: Option<RegistryForm>,
    /// For a service of a Git repository; none for others.
    #[serde(default)]
    pub repository: Option<RepositoryForm>,
}

impl ServiceForm {
    /// What a service is set to now.
    pub fn of(detail: &ServiceDetail) -> Self {
        let (service, spec) = (&detail.service, &detail.spec);
        let health = &spec.health;
        let (image, container_port, options) = match &spec.source {
            Source::Image { image, container_port, options, .. } => (image.clone(), *container_port, Some(OptionsForm::of(options))),
            Source::Build { container_port, options, .. } => (String::new(), *container_port, Some(OptionsForm::of(options))),
            _ => Default::default(),
        };
        let repository = spec.source.repository().map(RepositoryForm::of);
        let is_readable = detail.variables_problem.as_ref().is_none_or(|problem| problem.can_be_set);
        let is_own = spec.source.can_have_proxy().is_ok() && spec.part_of().is_none();
        let [limit_memory, limit_cpu, limit_processes, limit_files] = limit_texts(&spec.limits);
        Self {
            name: service.name.clone(),
            description: service.description.clone().unwrap_or_default(),
            user: Some(spec.user.clone().unwrap_or_default()),
            port: spec.port.map(|port| port.to_string()).unwrap_or_default(),
            proxy_port: is_own.then(|| number(spec.proxy_port.map(u32::from))),
            replicas: is_own.then(|| number(Some(u32::from(spec.replicas)).filter(|replicas| *replicas > 1))),
            rollout: is_own.then(|| RolloutForm::of(&spec.rollout)),
            environment: is_readable.then(|| write_variables(&spec.environment)),
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
            handover: spec.source.can_hand_over().is_ok().then_some(spec.handover),
            limit_memory,
            limit_cpu,
            limit_processes,
            limit_files,
            labels: write_labels(&spec.labels),
            environment_files: typed(&spec.environment_files),
            image,
            container_port: number(container_port.map(u32::from)),
            options,
            registry: RegistryForm::of(&spec.source),
            repository,
        }
    }
}

pub(super) fn number(limit: Option<u32>) -> String {
    limit.map(|limit| limit.to_string()).unwrap_or_default()
}

/// A command as it is typed: words with quotes where they are needed, which reading takes off again.
pub(super) fn typed(command: &[String]) -> String {
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

    /// Saves it; answers where that is shown.
    pub(super) async fn save(self, context: &RequestContext, id: ServiceId, form_token: &str) -> api::Result<String> {
        context.check_form_token(form_token)?;
        let (caller, services) = (context.caller()?, &context.backend.services);
        let mut numbers = Numbers::default();
        let source = match &self.options {
            Some(options) => {
                let before = services.get(caller, id).await?.spec.source;
                let patch = options.patch(&self.image, &self.container_port, &before);
                Some(patch.map(|mut patch| {
                    self.registry.iter().for_each(|registry| registry.fill(&mut patch, &before));
                    patch
                }))
            }
            None => None,
        };
        let source = source.map(|source| numbers.take(source));
        let patch = numbers.take(self.patch());
        numbers.refuse()?;
        services.change(caller, id, api::ServicePatch { source, ..patch }).await?;
        Ok(format!("{}?done=saved", crate::path::service_tab(id, "settings")))
    }

    pub(super) fn patch(self) -> api::Result<api::ServicePatch> {
        let mut numbers = Numbers::default();
        let health = self.health(&mut numbers);
        let stop_grace = numbers.read("/stop_grace_seconds", "the grace of a stop", &self.stop_grace);
        let port = numbers.port(&self.port);
        let proxy_port = self.proxy_port.as_ref().map(|text| numbers.port_at("/proxy_port", text).unwrap_or(0));
        let replicas = self.replicas.as_ref().map(|text| numbers.replicas(text));
        let environment = self.environment.as_ref().map(|text| numbers.variables(text));
        let limits = numbers.limits([&self.limit_memory, &self.limit_cpu, &self.limit_processes, &self.limit_files]);
        let rollout = self.rollout.as_ref().map(|form| form.rollout(&mut numbers));
        let environment_files = numbers.words("/environment_files", &self.environment_files);
        numbers.refuse()?;
        Ok(api::ServicePatch {
            source: None,
            repository: self.repository.map(|repository| repository.repository()),
            name: Some(self.name.trim().to_owned()),
            description: Some(self.description),
            user: self.user.map(|user| user.trim().to_owned()),
            port: Some(port.unwrap_or(0)),
            proxy_port,
            replicas,
            rollout,
            environment,
            depends_on: Some(self.depends_on),
            health: Some(health),
            metrics_path: Some(self.metrics_path.trim().to_owned()),
            stop_grace_seconds: Some(stop_grace),
            restart: Some(self.restart),
            handover: self.handover,
            limits: Some(limits),
            labels: Some(api::read_labels(&self.labels)),
            environment_files: Some(environment_files),
        })
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
            user: Some(" daemon ".into()),
            port: String::new(),
            proxy_port: Some(" 8101 ".into()),
            replicas: Some(" 3".into()),
            rollout: None,
            environment: Some("A=1\r\nB=2".into()),
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
            handover: Some(true),
            limit_memory: String::new(),
            limit_cpu: String::new(),
            limit_processes: String::new(),
            limit_files: String::new(),
            labels: "team=shop canary".into(),
            environment_files: ".env.production 'with blank'".into(),
            image: String::new(),
            container_port: String::new(),
            options: None,
            registry: None,
            repository: None,
        }
    }

    #[test]
    fn a_form_is_a_change_of_everything_in_it() {
        let patch = form().patch().unwrap();
        assert_eq!((patch.name.as_deref(), patch.port, patch.health.unwrap().path), (Some("orders"), Some(0), None));
        assert_eq!(patch.environment.unwrap()["B"], "2");
        assert_eq!(ServiceForm { environment: None, ..form() }.patch().unwrap().environment, None, "what can't be read stays");
        assert_eq!(patch.environment_files.unwrap(), [".env.production", "with blank"]);
        assert_eq!((patch.user.as_deref(), api::write_labels(&patch.labels.unwrap()).as_str()), (Some("daemon"), "canary team=shop"));
        assert_eq!((patch.handover, ServiceForm { handover: None, ..form() }.patch().unwrap().handover), (Some(true), None));
        assert_eq!(ServiceForm { user: None, ..form() }.patch().unwrap().user, None, "what isn't sent stays");
        let proxy = |text: Option<&str>| ServiceForm { proxy_port: text.map(String::from), ..form() }.patch().unwrap().proxy_port;
        assert_eq!((patch.proxy_port, proxy(Some("")), proxy(None)), (Some(8101), Some(0), None));
        let replicas = |text: Option<&str>| ServiceForm { replicas: text.map(String::from), ..form() }.patch().map(|patch| patch.replicas);
        assert_eq!((patch.replicas, replicas(Some("")).unwrap(), replicas(None).unwrap()), (Some(3), Some(1), None));
        assert_eq!(replicas(Some("21")).unwrap_err().details[0].field, "/replicas");
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
        let proxy_port = Some("0".into());
        let wrong =
            ServiceForm { port: "99999".into(), proxy_port, health_interval: "soon".into(), environment: Some("A".into()), ..form() };
        let fields: Vec<_> = wrong.patch().unwrap_err().details.into_iter().map(|detail| detail.field).collect();
        assert_eq!(fields, ["/health/interval_seconds", "/port", "/proxy_port", "/environment"]);
    }

    #[test]
    fn an_empty_limit_is_none_and_one_that_is_no_amount_is_named() {
        let some = ServiceForm { limit_memory: "64 MiB".into(), limit_processes: " 20 ".into(), ..form() };
        let limits = some.patch().unwrap().limits.unwrap();
        assert_eq!((limits.memory_bytes, limits.cpu_percent, limits.processes), (Some(64 << 20), None, Some(20)));
        let wrong = ServiceForm { limit_memory: "much".into(), limit_cpu: "1.5".into(), ..form() };
        let fields: Vec<_> = wrong.patch().unwrap_err().details.into_iter().map(|detail| detail.field).collect();
        assert_eq!(fields, ["/limits/memory_bytes", "/limits/cpu_percent"]);
    }

    #[test]
    fn a_command_is_read_as_it_was_written() {
        let command = ["/bin/sh", "-c", "test -f 'a b' && exit 0", "", "$PORT", "ü", "\\", "#x", "~", "*"].map(String::from);
        assert_eq!(shell_words::split(&typed(&command)).unwrap(), command);
        assert_eq!(typed(&["pg_isready", "-p", "$PORT"].map(String::from)), "pg_isready -p $PORT");
    }
}
