//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use api::{Role, Secret};
use clap::{Parser, Subcommand};

use crate::config::{Given, Settings};
use crate::{accounts, ask, configuration_command, demo_service, deploy_command, openapi, secrets, serve};

/// Pilothouse: an operations dashboard for microservices.
#[derive(Debug, Parser)]
#[command(name = "pilothouse", version, about, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    given: Given,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve pages, REST API and live data (what happens without a subcommand)
    Serve(Given),
    /// Supervise one service; Pilothouse calls it, people don't need to
    #[command(disable_help_flag = false)]
    Supervise {
        /// What Pilothouse tells the supervisor
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Stand in front of one service; Pilothouse calls it, people don't need to
    Proxy {
        /// Where its routes are, and where it answers Pilothouse
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
        /// The port of 127.0.0.1 that it listens on, unless it is handed a socket
        #[arg(long)]
        port: u16,
    },
    /// Bring the database up to date and end
    Migrate(Given),
    /// Manage users without signing in
    #[command(subcommand)]
    User(UserCommand),
    /// Manage the keys of secrets while Pilothouse is stopped
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Back up configurations and secrets into a file, and restore them
    #[command(subcommand)]
    Configuration(configuration_command::Command),
    /// Deploy a service of a Pilothouse that runs, and follow that to its end
    Deploy(deploy_command::Args),
    /// Serve the demonstration service that Pilothouse brings along
    DemoService(demo_service::Args),
    /// Print the OpenAPI document of the REST API
    Openapi,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make a user; the password is read from PILOTHOUSE_USER_PASSWORD or standard input
    Add {
        /// The name: 1 to 63 of a-z A-Z 0-9 . _ - @
        name: String,
        /// What they may do: viewer, developer or admin
        #[arg(long, default_value = "viewer")]
        role: Role,
        #[command(flatten)]
        given: Given,
    },
    /// List every user
    List(Given),
    /// Set a new password and end the user's sessions; it is read from PILOTHOUSE_USER_PASSWORD or standard input
    ResetPassword {
        /// The name
        name: String,
        #[command(flatten)]
        given: Given,
    },
}

#[derive(Debug, Subcommand)]
enum SecretsCommand {
    /// Make a new data key, seal all secrets anew with it and remove the one before; what was interrupted is finished by the next one
    Rotate {
        /// A file with another key, which the data keys are wrapped with afterwards; set `secrets_key_file` to it then
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
        #[command(flatten)]
        given: Given,
    },
}

/// Runs what the command line says.
pub fn main() -> ExitCode {
    // A supervisor and a proxy are one per service and have to stay small: no parser, and for the supervisor no runtime.
    let is_help = std::env::args_os().any(|arg| arg == "--help" || arg == "-h");
    let mut args = std::env::args_os().skip(1);
    match args.next().as_deref().and_then(|first| first.to_str()) {
        Some("supervise") if !is_help => engine::runtime::process::supervisor::main(args),
        Some("proxy") if !is_help => engine::proxy::main(args),
        _ => command(),
    }
}

/// Everything but supervisor and proxy. Never a part of `main`: all commands together take 66 kB of stack, and each of those would keep them.
#[inline(never)]
fn command() -> ExitCode {
    let cli = match Cli::parse() {
        Cli { command: Some(Command::Deploy(args)), .. } => return deploy_command::main(args),
        Cli { command: Some(Command::Configuration(command)), .. } => return configuration_command::main(command),
        cli => cli,
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pilothouse: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> api::Result<()> {
    match cli.command.unwrap_or(Command::Serve(cli.given)) {
        Command::Serve(given) => serve::main(Settings::load(given)?),
        Command::Supervise { args } => Err(api::Error::invalid("supervise", format!("a supervisor can't be told {args:?}"))),
        // What isn't dispatched before.
        Command::Proxy { .. } => Err(api::Error::internal()),
        Command::Migrate(given) => accounts::migrate(Settings::load(given)?),
        Command::User(UserCommand::Add { name, role, given }) => {
            let settings = Settings::load(given)?;
            accounts::add(settings, name, password()?, role)
        }
        Command::User(UserCommand::List(given)) => accounts::list(Settings::load(given)?),
        Command::User(UserCommand::ResetPassword { name, given }) => {
            let settings = Settings::load(given)?;
            accounts::reset_password(settings, &name, password()?)
        }
        Command::Secrets(SecretsCommand::Rotate { new_key_file, given }) => secrets::rotate(Settings::load(given)?, new_key_file),
        Command::Deploy(_) | Command::Configuration(_) => Err(api::Error::internal()),
        Command::DemoService(args) => demo_service::main(&args),
        Command::Openapi => print(&openapi::pretty()),
    }
}

/// Prints to standard output; a reader that has left is no failure.
pub fn print(text: &str) -> api::Result<()> {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
    Ok(())
}

/// A password from the environment or standard input.
fn password() -> api::Result<Secret> {
    ask::secret("PILOTHOUSE_USER_PASSWORD", "Password", true)
}
