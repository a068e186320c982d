//! Making, changing and deleting services. The forms have texts: what isn't a number is refused here, at its field.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{HealthTest, RestartPolicy, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::service_form::Numbers;
#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult, ServiceForm};

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
    /// The user of the system that it runs as; empty is the one of Pilothouse.
    #[serde(default)]
    pub user: String,
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

/// Checks a running service once with the health check of the form, which isn't saved by that.
#[server(prefix = "/rpc", output = Json, endpoint = "test_health")]
pub async fn test_health(id: ServiceId, form: ServiceForm, #[server(default)] form_token: String) -> RpcResult<HealthTest> {
    Ok(form.test(&RequestContext::current(), id, &form_token).await?)
}

/// A form whose health check was tried out without JavaScript: the page is shown again with what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    pub id: ServiceId,
    pub form: ServiceForm,
    pub found: RpcResult<HealthTest>,
}

#[cfg(feature = "ssr")]
impl Tried {
    /// Tries out what was posted.
    pub async fn posted(posted: TestHealth, context: &RequestContext) -> Self {
        let TestHealth { id, form, form_token } = posted;
        let found = form.test(context, id, &form_token).await.map_err(RpcError);
        Self { id, form, found }
    }
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
    let detail = services.get(caller, id).await?;
    let name = detail.service.name;
    if typed.trim() != name {
        Err(api::Error::invalid("/typed", format!("to delete it, type its name as it is: {name}")))?;
    }
    services.delete(caller, id).await?;
    // What others have made is gone at once: nothing shall promise a way back.
    let done = if matches!(detail.spec.source, api::Source::Container { .. }) { "purged" } else { "deleted" };
    leptos_axum::redirect(&format!("{}?done={done}", crate::path::SERVICES));
    Ok(())
}

#[cfg(feature = "ssr")]
impl NewServiceForm {
    fn new_service(self) -> api::Result<api::NewService> {
        let mut numbers = Numbers::default();
        let port = numbers.port(&self.port);
        let environment = numbers.variables(&self.environment);
        let command = numbers.words("/source/command", &self.command);
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
            (false, _) => api::Source::Image { image, container_port, options: Default::default() },
            (true, true) => api::Source::Folder { folder },
            (true, false) => api::Source::Command { command, working_dir: folder },
        };
        Ok(api::NewService {
            name: self.name.trim().to_owned(),
            runtime: None,
            source,
            user: Some(self.user.trim().to_owned()).filter(|user| !user.is_empty()),
            port,
            environment,
            depends_on: Vec::new(),
            health: api::HealthCheck::default(),
            description: Some(self.description).filter(|text| !text.trim().is_empty()),
            restart: self.restart,
            limits: api::Limits::default(),
            labels: Default::default(),
            environment_files: Vec::new(),
        })
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{RestartPolicy, Source};

    use super::NewServiceForm;

    #[test]
    fn a_command_is_split_into_words_and_no_shell_reads_it() {
        let new = NewServiceForm {
            name: "x".into(),
            folder: "/srv".into(),
            command: "python -c 'print(1); x' $HOME;ls".into(),
            image: String::new(),
            container_port: String::new(),
            description: " ".into(),
            user: " daemon ".into(),
            port: "80".into(),
            environment: String::new(),
            restart: RestartPolicy::Never,
        };
        let made = new.clone().new_service().unwrap();
        let Source::Command { command, working_dir } = made.source else { panic!("a command") };
        assert_eq!((command, working_dir.as_str()), (["python", "-c", "print(1); x", "$HOME;ls"].map(String::from).into(), "/srv"));
        assert_eq!((made.port, made.description, made.user.as_deref()), (Some(80), None, Some("daemon")));
        assert!(NewServiceForm { command: "a 'b".into(), ..new.clone() }.new_service().is_err());
        assert!(matches!(NewServiceForm { command: " ".into(), ..new.clone() }.new_service().unwrap().source, Source::Folder { .. }));
        let both = NewServiceForm { image: "nginx:1.27".into(), ..new };
        assert_eq!(both.clone().new_service().unwrap_err().details[0].field, "/source/image");
        let image = NewServiceForm { folder: " ".into(), command: String::new(), container_port: "80".into(), ..both };
        let Source::Image { image, container_port, .. } = image.new_service().unwrap().source else { panic!("an image") };
        assert_eq!((image.as_str(), container_port), ("nginx:1.27", Some(80)));
    }
}
