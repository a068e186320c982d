//! Making, changing and deleting services. The forms have texts: what isn't a number is refused here, at its field.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{RestartPolicy, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the form with the settings of a service sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceForm {
    pub name: String,
    pub description: String,
    /// Empty lets Pilothouse choose.
    pub port: String,
    /// As [`api::read_variables`] reads it.
    pub environment: String,
    /// Empty tries the usual ones.
    pub health_path: String,
    pub health_interval: String,
    pub health_timeout: String,
    pub unhealthy_threshold: String,
    pub healthy_threshold: String,
    pub metrics_path: String,
    pub stop_grace: String,
    pub restart: RestartPolicy,
}

/// What the forms that make a service send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewServiceForm {
    pub name: String,
    /// An absolute path; the working directory when there is a command. Empty when there is an image.
    #[serde(default)]
    pub folder: String,
    /// Program and arguments, with quotes where a word has spaces; empty reads the folder for how it is run.
    #[serde(default)]
    pub command: String,
    /// An image to make a container of, in place of a folder.
    #[serde(default)]
    pub image: String,
    /// Where it listens in its container; empty takes what the image says.
    #[serde(default)]
    pub container_port: String,
    pub description: String,
    /// Empty lets Pilothouse choose.
    pub port: String,
    pub environment: String,
    pub restart: RestartPolicy,
}

/// Changes the settings of a service.
#[server(prefix = "/rpc", output = Json, endpoint = "change_service")]
pub async fn change_service(id: ServiceId, form: ServiceForm, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.services.change(context.caller()?, id, form.patch()?).await?;
    leptos_axum::redirect(&format!("{}?done=saved", crate::path::service_tab(id, "settings")));
    Ok(())
}

/// Makes a service, and leads to its page.
#[server(prefix = "/rpc", output = Json, endpoint = "create_service")]
pub async fn create_service(form: NewServiceForm, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let made = context.backend.services.create(context.caller()?, form.new_service()?).await?;
    leptos_axum::redirect(&format!("{}?done=made", crate::path::service(made.service.id)));
    Ok(())
}

/// Deletes a service whose name has been typed.
#[server(prefix = "/rpc", output = Json, endpoint = "delete_service")]
pub async fn delete_service(id: ServiceId, typed: String, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let (caller, services) = (context.caller()?, &context.backend.services);
    let name = services.get(caller, id).await?.service.name;
    if typed.trim() != name {
        Err(api::Error::invalid("/typed", format!("to delete it, type its name as it is: {name}")))?;
    }
    services.delete(caller, id).await?;
    leptos_axum::redirect(&format!("{}?done=deleted", crate::path::SERVICES));
    Ok(())
}

#[cfg(feature = "ssr")]
impl ServiceForm {
    fn patch(self) -> api::Result<api::ServicePatch> {
        let mut numbers = Numbers::default();
        let health = api::HealthCheck {
            path: Some(self.health_path.trim().to_owned()).filter(|path| !path.is_empty()),
            interval_seconds: numbers.read("/health/interval_seconds", "the interval of the health check", &self.health_interval),
            timeout_seconds: numbers.read("/health/timeout_seconds", "the timeout of the health check", &self.health_timeout),
            unhealthy_threshold: numbers.read("/health/unhealthy_threshold", "the number of failures", &self.unhealthy_threshold),
            healthy_threshold: numbers.read("/health/healthy_threshold", "the number of successes", &self.healthy_threshold),
        };
        let stop_grace = numbers.read("/stop_grace_seconds", "the grace of a stop", &self.stop_grace);
        let port = numbers.port(&self.port);
        let environment = numbers.variables(&self.environment);
        numbers.refuse()?;
        Ok(api::ServicePatch {
            name: Some(self.name.trim().to_owned()),
            description: Some(self.description),
            port: Some(port.unwrap_or(0)),
            environment: Some(environment),
            health: Some(health),
            metrics_path: Some(self.metrics_path.trim().to_owned()),
            stop_grace_seconds: Some(stop_grace),
            restart: Some(self.restart),
        })
    }
}

#[cfg(feature = "ssr")]
impl NewServiceForm {
    fn new_service(self) -> api::Result<api::NewService> {
        let mut numbers = Numbers::default();
        let port = numbers.port(&self.port);
        let environment = numbers.variables(&self.environment);
        let command = shell_words::split(self.command.trim()).unwrap_or_else(|_| {
            numbers.fault("/source/command", "a quote of the command has no end".into());
            Vec::new()
        });
        let container_port = numbers.port_at("/source/container_port", &self.container_port);
        let (folder, image) = (self.folder.trim().to_owned(), self.image.trim().to_owned());
        let has_folder = !folder.is_empty() || !command.is_empty();
        if !image.is_empty() && has_folder {
            numbers.fault("/source/image", "a service has a folder or an image, not both: leave one of them empty".into());
        }
        if image.is_empty() && folder.is_empty() {
            numbers.fault("/source/folder", "give a folder, or an image".into());
        }
        numbers.refuse()?;
        let source = match (image.is_empty(), command.is_empty()) {
            (false, _) => api::Source::Image { image, container_port },
            (true, true) => api::Source::Folder { folder },
            (true, false) => api::Source::Command { command, working_dir: folder },
        };
        Ok(api::NewService {
            name: self.name.trim().to_owned(),
            runtime: None,
            source,
            port,
            environment,
            health: api::HealthCheck::default(),
            description: Some(self.description).filter(|text| !text.trim().is_empty()),
            restart: self.restart,
        })
    }
}

/// Reads the fields of a form, and gathers what is wrong with them.
#[cfg(feature = "ssr")]
#[derive(Default)]
struct Numbers(Vec<api::Detail>);

#[cfg(feature = "ssr")]
impl Numbers {
    fn fault(&mut self, field: &str, message: String) {
        self.0.push(api::Detail { field: field.into(), message });
    }

    fn read(&mut self, field: &str, what: &str, text: &str) -> u32 {
        text.trim().parse().unwrap_or_else(|_| {
            self.fault(field, format!("{what} is a whole number"));
            0
        })
    }

    fn port(&mut self, text: &str) -> Option<u16> {
        self.port_at("/port", text)
    }

    fn port_at(&mut self, field: &str, text: &str) -> Option<u16> {
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

    fn variables(&mut self, text: &str) -> std::collections::BTreeMap<String, String> {
        api::read_variables(text).unwrap_or_else(|error| {
            self.0.extend(error.details);
            Default::default()
        })
    }

    fn refuse(self) -> api::Result<()> {
        api::Error::invalid_fields(self.0)
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{RestartPolicy, Source};

    use super::{NewServiceForm, ServiceForm};

    fn form() -> ServiceForm {
        ServiceForm {
            name: " orders ".into(),
            description: String::new(),
            port: String::new(),
            environment: "A=1\r\nB=2".into(),
            health_path: " ".into(),
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
    fn each_field_that_is_no_number_is_named() {
        let wrong = ServiceForm { port: "99999".into(), health_interval: "soon".into(), environment: "A".into(), ..form() };
        let fields: Vec<_> = wrong.patch().unwrap_err().details.into_iter().map(|detail| detail.field).collect();
        assert_eq!(fields, ["/health/interval_seconds", "/port", "/environment"]);
    }

    #[test]
    fn a_command_is_split_into_words_and_no_shell_reads_it() {
        let new = NewServiceForm {
            name: "x".into(),
            folder: "/srv".into(),
            command: "python -c 'print(1); x' $HOME;ls".into(),
            image: String::new(),
            container_port: String::new(),
            description: " ".into(),
            port: "80".into(),
            environment: String::new(),
            restart: RestartPolicy::Never,
        };
        let made = new.clone().new_service().unwrap();
        let Source::Command { command, working_dir } = made.source else { panic!("a command") };
        assert_eq!((command, working_dir.as_str()), (["python", "-c", "print(1); x", "$HOME;ls"].map(String::from).into(), "/srv"));
        assert_eq!((made.port, made.description), (Some(80), None));
        assert!(NewServiceForm { command: "a 'b".into(), ..new.clone() }.new_service().is_err());
        assert!(matches!(NewServiceForm { command: " ".into(), ..new.clone() }.new_service().unwrap().source, Source::Folder { .. }));
        let both = NewServiceForm { image: "nginx:1.27".into(), ..new };
        assert_eq!(both.clone().new_service().unwrap_err().details[0].field, "/source/image");
        let image = NewServiceForm { folder: " ".into(), command: String::new(), container_port: "80".into(), ..both };
        let Source::Image { image, container_port } = image.new_service().unwrap().source else { panic!("an image") };
        assert_eq!((image.as_str(), container_port), ("nginx:1.27", Some(80)));
    }
}
