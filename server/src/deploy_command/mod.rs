//! `pilothouse deploy`: asks a Pilothouse that runs to deploy a service, and follows that to its end. It is a client: nothing of a server is set up.

mod canary;
mod client;
mod follow;
mod plan;
mod say;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use api::{
    DeploymentAccepted, DeploymentConfiguration, DeploymentPlan, NewDeployment, Page, Places, Queueing, ReleaseId, Secret, Service,
    ServiceId,
};
use serde_json::Value;

use client::{Client, Trouble};
use say::Say;

const EXIT_CODES: &str =
    "The key is an API token: make one with the scope deploy in the settings of Pilothouse, under API tokens (with change as well for --image, --reference
and --set, with all for --urgent). It is read from the variable PILOTHOUSE_API_KEY unless --api-key-file is given.

Exit codes:
  0  the service runs the release and is well; with --no-wait, the deployment was taken on; with --dry-run, nothing is in its way
  1  the deployment failed or was rolled back; with --dry-run, it would
  2  wrong use, or refused: a token that is not valid, has expired or lacks the scope, no such service, something that can't be, a service that is held
  3  somebody cancelled the deployment
  4  Pilothouse can't be reached, or not any more for two minutes
  130  interrupted: the deployment goes on";

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// The service: its id, or its name as it is
    service: String,
    /// Where Pilothouse is
    #[arg(long, env = "PILOTHOUSE_URL", default_value = "http://127.0.0.1:7700")]
    url: String,
    /// A file with the API token, in place of PILOTHOUSE_API_KEY
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// A file with the certificates (PEM) that sign that of Pilothouse, in place of those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The environment that it goes to, in which it has to be set up; where the service itself is unless given
    #[arg(long)]
    environment: Option<String>,
    /// The environment whose release is taken along, with its files or its image; unless given a release is made of what the source is now
    #[arg(long, conflicts_with_all = ["image", "reference"])]
    from: Option<String>,
    /// Another image, of a service that is made of one
    #[arg(long)]
    image: Option<String>,
    /// Another branch, tag or commit, of a service of a Git repository: it stays with that
    #[arg(long)]
    reference: Option<String>,
    /// A value of its configuration: JSON, or else a text; null takes it out. May be given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = value)]
    set: Vec<(String, Value)>,
    /// How: recreate, rolling, blue_green or canary; what goes without a break unless given
    #[arg(long)]
    strategy: Option<String>,
    #[command(flatten)]
    canary: canary::Steps,
    /// Why
    #[arg(long, default_value = "")]
    message: String,
    /// For how long it is watched when it is healthy, and gone back when it isn't well: 0 to 3600 seconds
    #[arg(long, value_name = "SECONDS")]
    watch: Option<u32>,
    /// Why it can't wait for a window, for the end of a freeze or for somebody to agree; for Admins
    #[arg(long, value_name = "REASON")]
    urgent: Option<String>,
    /// Cancel deployments of the service that wait
    #[arg(long)]
    replace_waiting: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't wait for its end
    #[arg(long, conflicts_with = "dry_run")]
    no_wait: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Good = 0,
    /// The deployment failed, or would.
    Failed = 1,
    /// It was refused.
    Refused = 2,
    /// Somebody cancelled it.
    Cancelled = 3,
    /// Nobody answers.
    Unreachable = 4,
    /// Somebody pressed Ctrl-C.
    Interrupted = 130,
}

/// Runs it.
pub fn main(args: Args) -> ExitCode {
    let say = Say::new(args.json);
    let outcome = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(args, &say)).unwrap_or_else(|trouble| say.trouble(&trouble));
            // A name that is still being looked up holds nobody up.
            runtime.shutdown_timeout(Duration::ZERO);
            outcome
        }
        Err(error) => say.trouble(&Trouble::silent(format!("nothing can be run: {error}"))),
    };
    ExitCode::from(outcome as u8)
}

async fn run(args: Args, say: &Say) -> Result<Outcome, Trouble> {
    let client = Client::new(&args.url, key(args.api_key_file.as_ref())?, args.ca_file.as_deref())?;
    if client.tells_all() {
        say.aside("the token is sent unencrypted to another machine; use an address with https");
    }
    let canary = args.canary.read(args.strategy.as_deref()).map_err(Trouble::wrong)?;
    let id = service(&client, &args.service).await?;
    let release_id = match &args.from {
        Some(environment) => Some(running(&client, id, environment).await?),
        None => None,
    };
    let new = NewDeployment {
        target_environment: args.environment,
        release_id,
        deployment_type: args.strategy,
        canary,
        configuration: DeploymentConfiguration { image: args.image, reference: args.reference, values: args.set.into_iter().collect() },
        urgent: args.urgent,
        message: args.message,
        watch_seconds: args.watch,
        queue: args.replace_waiting.then_some(Queueing::Replace),
        ..NewDeployment::default()
    };
    if args.dry_run {
        let plan: DeploymentPlan = client.post(&format!("/api/deploy/services/{id}/plan"), &new).await?;
        return Ok(plan::show(say, &plan));
    }
    let DeploymentAccepted { deployment_id } = client.post(&format!("/api/deploy/services/{id}"), &new).await?;
    say.taken(deployment_id, &client.address(&format!("/deployments/{deployment_id}")));
    if args.no_wait {
        return Ok(Outcome::Good);
    }
    tokio::select! {
        outcome = follow::follow(&client, deployment_id, say) => outcome,
        _ = tokio::signal::ctrl_c() => {
            let cancel = client.address(&format!("/api/deploy/{deployment_id}/cancel"));
            say.aside(&format!(
                "the deployment goes on; cancel it on its page, or with: curl -X POST -H \"Authorization: Bearer $PILOTHOUSE_API_KEY\" {cancel}"
            ));
            Ok(Outcome::Interrupted)
        }
    }
}

/// The release that a service runs in an environment.
async fn running(client: &Client, id: ServiceId, environment: &str) -> Result<ReleaseId, Trouble> {
    let places: Places = client.get(&format!("/api/deploy/places?service_id={id}")).await?;
    let row = places.items.into_iter().next().ok_or_else(|| Trouble::wrong("there is no such service".into()))?;
    let place = row.at(environment).ok_or_else(|| Trouble::wrong(format!("{} isn't set up in '{environment}'", row.name)))?;
    let release = place.release.as_ref().ok_or_else(|| Trouble::wrong(format!("{} was never deployed to '{environment}'", row.name)))?;
    Ok(release.id)
}

/// The service of that id or name.
async fn service(client: &Client, text: &str) -> Result<ServiceId, Trouble> {
    if let Ok(id) = text.parse::<ServiceId>() {
        return Ok(id);
    }
    let query: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let (mut found, mut cursor): (Vec<Service>, _) = (Vec::new(), String::new());
    loop {
        let page: Page<Service> = client.get(&format!("/api/services?limit=1000&q={query}{cursor}")).await?;
        found.extend(page.items.into_iter().filter(|service| service.name == text));
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()),
            None => break,
        }
    }
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => Err(Trouble::wrong(format!("there is no service '{text}'"))),
        more => {
            let ids: Vec<_> = more.iter().map(|service| service.id.to_string()).collect();
            Err(Trouble::wrong(format!("{} services are called '{text}'; give the id of one: {}", more.len(), ids.join(", "))))
        }
    }
}

/// The key of a file or of the environment; never of the arguments, which every user of the machine can see.
fn key(file: Option<&PathBuf>) -> Result<Secret, Trouble> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Trouble::wrong(format!("the file {} with the API token can't be read: {error}", file.display())))?,
        None => std::env::var("PILOTHOUSE_API_KEY").unwrap_or_default(),
    };
    let text = text.trim();
    match text.is_empty() {
        true => Err(Trouble::wrong("there is no API token; set PILOTHOUSE_API_KEY, or give a file with one by --api-key-file".into())),
        false if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Secret::new(text)),
        false => Err(Trouble::wrong("the API token has characters that no token has".into())),
    }
}

/// `NAME=VALUE`, where the value is JSON or else a text.
fn value(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))))
        }
        _ => Err("it is NAME=VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Args as _;
    use serde_json::json;

    use super::{Args, value};

    #[test]
    fn arguments_are_of_one_piece() {
        Args::augment_args(clap::Command::new("deploy")).debug_assert();
    }

    #[test]
    fn a_value_is_json_or_else_a_text() {
        for (text, expected) in [
            ("A=1", json!(1)),
            ("A=true", json!(true)),
            ("A=null", json!(null)),
            ("A=", json!("")),
            ("A=\"1\"", json!("1")),
            ("A=a=b", json!("a=b")),
            ("A={\"b\": [1]}", json!({"b": [1]})),
            ("A={b", json!("{b")),
        ] {
            assert_eq!(value(text), Ok(("A".into(), expected)), "{text}");
        }
        assert!(value("A").is_err() && value("=1").is_err());
    }
}
