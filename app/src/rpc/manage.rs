//! Making, changing and deleting services. The forms have texts: what isn't a number is refused here, at its field.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{HealthTest, RestartPolicy, ServiceId, ServicePlan};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::numbers::Numbers;
#[cfg(feature = "ssr")]
use super::*;
use super::{Json, OptionsForm, RegistryForm, RepositoryForm, RpcError, RpcResult, ServiceForm};

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
    /// In place of a command, the Dockerfile in the folder that an image is built of.
    #[serde(default)]
    pub dockerfile: String,
    /// An image to make a container of, in place of a folder.
    #[serde(default)]
    pub image: String,
    /// The registry of its image.
    #[serde(default)]
    pub registry: RegistryForm,
    /// A Git repository, in place of both.
    #[serde(default)]
    pub repository: RepositoryForm,
    /// Where it listens in its container; empty takes what the image says.
    #[serde(default)]
    pub container_port: String,
    /// How it is run otherwise than the image says.
    #[serde(default)]
    pub options: OptionsForm,
    pub description: String,
    /// The user of the system that it runs as; empty is the one of Pilothouse.
    #[serde(default)]
    pub user: String,
    /// Empty lets Pilothouse choose.
    pub port: String,
    /// Empty has no proxy.
    #[serde(default)]
    pub proxy_port: String,
    /// Empty is one.
    #[serde(default)]
    pub replicas: String,
    pub environment: String,
    pub restart: RestartPolicy,
    /// A box that isn't sent when it isn't ticked: whether it is started at once.
    #[serde(default)]
    pub start: bool,
    #[serde(default)]
    pub handover: bool,
}

/// Changes the settings of a service.
#[server(prefix = "/rpc", output = Json, endpoint = "change_service")]
pub async fn change_service(id: ServiceId, form: ServiceForm, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    leptos_axum::redirect(&form.save(&context, id, &form_token).await?);
    Ok(())
}

/// Checks a running service once with the health check of the form, which isn't saved by that.
#[server(prefix = "/rpc", output = Json, endpoint = "test_health")]
pub async fn test_health(id: ServiceId, form: ServiceForm, #[server(default)] form_token: String) -> RpcResult<HealthTest> {
    Ok(form.test(&RequestContext::current(), id, &form_token).await?)
}

/// The settings of a service that were posted without JavaScript and not saved: the page is shown again with what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    pub id: ServiceId,
    pub form: ServiceForm,
    pub outcome: Outcome,
}

/// What became of settings that weren't saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// Their health check was tried out.
    Tested(RpcResult<HealthTest>),
    /// They were refused.
    Refused(RpcError),
}

/// What the settings of a service send to their own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedSettings {
    id: ServiceId,
    form: ServiceForm,
    #[serde(default)]
    form_token: String,
    /// There when the health check is to be tried out.
    test: Option<String>,
}

#[cfg(feature = "ssr")]
impl Tried {
    /// Saves what was posted, or tries out its health check. Answers where it is shown that it is saved, or what is shown again.
    pub async fn posted(posted: PostedSettings, context: &RequestContext) -> Result<String, Self> {
        let PostedSettings { id, form, form_token, test } = posted;
        let outcome = match test {
            Some(_) => Outcome::Tested(form.test(context, id, &form_token).await.map_err(RpcError)),
            None => match form.clone().save(context, id, &form_token).await {
                Ok(address) => return Ok(address),
                Err(error) => Outcome::Refused(RpcError(error)),
            },
        };
        Err(Self { id, form, outcome })
    }
}

/// A new service that was posted without JavaScript and not made: the page comes back with what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnUp {
    pub form: NewServiceForm,
    /// The plan that was asked for, or why the service can't be made.
    pub plan: RpcResult<ServicePlan>,
}

/// What the form of a new service sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedService {
    form: NewServiceForm,
    #[serde(default)]
    form_token: String,
    /// There when only its plan is asked for.
    plan: Option<String>,
}

#[cfg(feature = "ssr")]
impl DrawnUp {
    /// Makes what was posted, or plans it. Answers where it is, or what is shown again.
    pub async fn posted(posted: PostedService, context: &RequestContext) -> Result<String, Self> {
        let PostedService { form, form_token, plan } = posted;
        let plan = match plan {
            Some(_) => form.clone().plan(context, &form_token).await,
            None => match form.clone().make(context, &form_token).await {
                Ok(address) => return Ok(address),
                Err(error) => Err(error),
            },
        };
        Err(Self { form, plan: plan.map_err(RpcError) })
    }
}

/// What the first start of a new service would do.
#[server(prefix = "/rpc", output = Json, endpoint = "plan_service")]
pub async fn plan_service(form: NewServiceForm, #[server(default)] form_token: String) -> RpcResult<ServicePlan> {
    Ok(form.plan(&RequestContext::current(), &form_token).await?)
}

/// Makes a service, and leads to its page.
#[server(prefix = "/rpc", output = Json, endpoint = "create_service")]
pub async fn create_service(form: NewServiceForm, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    leptos_axum::redirect(&form.make(&context, &form_token).await?);
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

impl NewServiceForm {
    /// One in which nothing is typed yet.
    pub fn blank() -> Self {
        Self {
            name: String::new(),
            folder: String::new(),
            command: String::new(),
            user: String::new(),
            dockerfile: String::new(),
            image: String::new(),
            registry: RegistryForm::default(),
            repository: RepositoryForm::default(),
            container_port: String::new(),
            options: OptionsForm::default(),
            description: String::new(),
            port: String::new(),
            proxy_port: String::new(),
            replicas: String::new(),
            environment: String::new(),
            restart: RestartPolicy::OnFailure,
            start: false,
            handover: false,
        }
    }
}

#[cfg(feature = "ssr")]
impl NewServiceForm {
    /// Makes the service; answers the address of its page.
    async fn make(self, context: &RequestContext, form_token: &str) -> api::Result<String> {
        context.check_form_token(form_token)?;
        let (caller, services, start) = (context.caller()?, &context.backend.services, self.start);
        let (new, is_deployed) = (self.clone().new_service()?, !self.repository.url.trim().is_empty());
        let id = services.create(caller, new).await?.service.id;
        if !start {
            return Ok(format!("{}?done=made", crate::path::service(id)));
        }
        if is_deployed {
            let deployed = context.backend.deployments.deploy(caller, id, api::NewDeployment::default()).await;
            let deployed = deployed
                .map_err(|error| api::Error { message: format!("the service is made, but isn't deployed: {}", error.message), ..error })?;
            return Ok(crate::path::deployment(deployed.deployment_id));
        }
        let started = services.start(caller, id).await;
        started.map_err(|error| api::Error { message: format!("the service is made, but isn't started: {}", error.message), ..error })?;
        Ok(format!("{}?done=begun", crate::path::service(id)))
    }

    async fn plan(self, context: &RequestContext, form_token: &str) -> api::Result<ServicePlan> {
        context.check_form_token(form_token)?;
        context.backend.services.plan(context.caller()?, self.new_service()?).await
    }

    fn new_service(self) -> api::Result<api::NewService> {
        let mut numbers = Numbers::default();
        let port = numbers.port(&self.port);
        let proxy_port = numbers.port_at("/proxy_port", &self.proxy_port);
        let replicas = numbers.replicas(&self.replicas);
        let environment = numbers.variables(&self.environment);
        let command = numbers.words("/source/command", &self.command);
        let container_port = numbers.port_at("/source/container_port", &self.container_port);
        let options = self.options.options(&api::ContainerOptions::default(), &mut numbers);
        let (folder, image) = (self.folder.trim().to_owned(), self.image.trim().to_owned());
        let has_folder = !folder.is_empty() || !command.is_empty();
        if !image.is_empty() && has_folder {
            numbers.fault("/source/image", "a service has a folder or an image, not both: leave one of them empty".into());
        }
        let repository = self.repository.repository();
        let is_repository = !repository.url.is_empty();
        if is_repository && (has_folder || !image.is_empty()) {
            let message = "a service has a repository, a folder or an image: leave the others empty";
            numbers.fault("/source/repository/url", message.into());
        }
        if !is_repository && self.repository != RepositoryForm::default() {
            numbers.fault("/source/repository/url", "give the address of the repository, or empty what is said of it".into());
        }
        let dockerfile = self.dockerfile.trim().to_owned();
        if !dockerfile.is_empty() && !command.is_empty() {
            let message = "the command of a service with a Dockerfile is one in the container: empty one of the two";
            numbers.fault("/source/build/dockerfile", message.into());
        }
        if !dockerfile.is_empty() && folder.is_empty() && !is_repository {
            numbers.fault("/source/build/dockerfile", "give the folder that this Dockerfile is in, or empty it".into());
        }
        if image.is_empty() && folder.is_empty() && !is_repository {
            numbers.fault("/source/folder", "give a folder, an image or a repository".into());
        }
        if image.is_empty() && dockerfile.is_empty() && !options.is_empty() {
            let message = "only a service of an image has settings of a container: give an image or a Dockerfile, or empty them";
            numbers.fault("/source/image", message.into());
        }
        if image.is_empty() && dockerfile.is_empty() && self.registry.pushed().is_some() {
            let message = "only a service of an image has a registry: give an image or a Dockerfile, or empty what is said of it";
            numbers.fault("/source/registry/user", message.into());
        }
        if !image.is_empty() && !self.registry.push.trim().is_empty() {
            let message = "only an image that is built is pushed: give a Dockerfile in place of the image, or empty this";
            numbers.fault("/source/build/push/image", message.into());
        }
        numbers.refuse()?;
        let push = self.registry.pushed().map(Box::new);
        let source = if is_repository && !dockerfile.is_empty() {
            let dockerfile = Some(dockerfile).filter(|path| path != "Dockerfile");
            let build = api::ImageBuild { dockerfile, repository: Some(Box::new(repository)), push, ..api::ImageBuild::default() };
            api::Source::Build { build: Box::new(build), container_port, options: Box::new(options) }
        } else if is_repository {
            api::Source::Repository { repository: Box::new(repository) }
        } else if !image.is_empty() {
            api::Source::Image { image, container_port, options: Box::new(options), registry: self.registry.account().map(Box::new) }
        } else if !dockerfile.is_empty() {
            let dockerfile = Some(dockerfile).filter(|path| path != "Dockerfile");
            let build = api::ImageBuild { folder, dockerfile, push, ..api::ImageBuild::default() };
            api::Source::Build { build: Box::new(build), container_port, options: Box::new(options) }
        } else if command.is_empty() {
            api::Source::Folder { folder }
        } else {
            api::Source::Command { command, working_dir: folder }
        };
        Ok(api::NewService {
            name: self.name.trim().to_owned(),
            runtime: None,
            source,
            user: Some(self.user.trim().to_owned()).filter(|user| !user.is_empty()),
            port,
            proxy_port,
            replicas,
            rollout: api::Rollout::default(),
            environment,
            depends_on: Vec::new(),
            health: api::HealthCheck::default(),
            description: Some(self.description).filter(|text| !text.trim().is_empty()),
            restart: self.restart,
            handover: self.handover,
            limits: api::Limits::default(),
            labels: Default::default(),
            environment_files: Vec::new(),
        })
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{RestartPolicy, Source};

    use super::{NewServiceForm, OptionsForm, RegistryForm};

    #[test]
    fn a_command_is_split_into_words_and_no_shell_reads_it() {
        let new = NewServiceForm {
            name: "x".into(),
            folder: "/srv".into(),
            command: "python -c 'print(1); x' $HOME;ls".into(),
            description: " ".into(),
            user: " daemon ".into(),
            port: "80".into(),
            proxy_port: " 8101".into(),
            restart: RestartPolicy::Never,
            ..NewServiceForm::blank()
        };
        let made = new.clone().new_service().unwrap();
        let Source::Command { command, working_dir } = made.source else { panic!("a command") };
        assert_eq!((command, working_dir.as_str()), (["python", "-c", "print(1); x", "$HOME;ls"].map(String::from).into(), "/srv"));
        assert_eq!((made.port, made.proxy_port, made.description, made.user.as_deref()), (Some(80), Some(8101), None, Some("daemon")));
        let wrong = NewServiceForm { proxy_port: "x".into(), ..new.clone() }.new_service().unwrap_err();
        assert_eq!(wrong.details[0].field, "/proxy_port");
        assert!(NewServiceForm { command: "a 'b".into(), ..new.clone() }.new_service().is_err());
        assert!(matches!(NewServiceForm { command: " ".into(), ..new.clone() }.new_service().unwrap().source, Source::Folder { .. }));
        let both = NewServiceForm { image: "nginx:1.27".into(), ..new };
        assert_eq!(both.clone().new_service().unwrap_err().details[0].field, "/source/image");
        let options = OptionsForm { ports: "127.0.0.1:8081:81\r\n53/udp".into(), ..OptionsForm::default() };
        let image = NewServiceForm { folder: " ".into(), command: String::new(), container_port: "80".into(), options, ..both };
        let Source::Image { image: name, container_port, options, .. } = image.clone().new_service().unwrap().source else {
            panic!("an image")
        };
        assert_eq!((name.as_str(), container_port, options.ports.len()), ("nginx:1.27", Some(80), 2));
        let registry = RegistryForm { push: " r.example/shop/web ".into(), user: "shop".into(), secret: "registry.token".into() };
        let pushed = NewServiceForm { registry: registry.clone(), ..image.clone() };
        assert_eq!(pushed.new_service().unwrap_err().details[0].field, "/source/build/push/image", "it comes from a registry");
        let registry = RegistryForm { push: String::new(), ..registry };
        let private = NewServiceForm { registry: registry.clone(), ..image.clone() }.new_service().unwrap().source;
        assert_eq!(private.registry().map(|account| account.user.as_str()), Some("shop"));
        let folder = NewServiceForm { folder: "/srv".into(), image: String::new(), ..image };
        let of_folder = NewServiceForm { registry: registry.clone(), options: OptionsForm::default(), ..folder.clone() };
        assert_eq!(of_folder.new_service().unwrap_err().details[0].field, "/source/registry/user");
        let registry = RegistryForm { push: " r.example/shop/web ".into(), ..registry };
        let pushed = NewServiceForm { dockerfile: "Dockerfile".into(), registry, ..folder.clone() }.new_service().unwrap().source;
        assert_eq!(pushed.push().map(|push| push.image.as_str()), Some("r.example/shop/web"));
        let built = NewServiceForm { dockerfile: "docker/web".into(), ..folder.clone() };
        let Source::Build { build, container_port, options } = built.clone().new_service().unwrap().source else { panic!("a Dockerfile") };
        assert_eq!((build.folder.as_str(), build.dockerfile()), ("/srv", "docker/web"));
        assert_eq!((container_port, options.ports.len()), (Some(80), 2));
        let with_command = NewServiceForm { command: "a".into(), ..built.clone() };
        let without_folder = NewServiceForm { folder: String::new(), ..built };
        for wrong in [with_command, without_folder] {
            assert_eq!(wrong.new_service().unwrap_err().details[0].field, "/source/build/dockerfile");
        }
        assert_eq!(folder.new_service().unwrap_err().details[0].field, "/source/image", "nothing that was typed is lost silently");
    }
}
