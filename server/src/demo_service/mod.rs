//! The demonstration service that Pilothouse brings along: a small real HTTP service with health, metrics, an OpenAPI document and a
//! log, which makes a little traffic of its own and can be told to misbehave, so that a first look shows life.
//!
//! It runs as a process of its own, like any other service, and knows nothing of Pilothouse.

mod connection;
mod metrics;
mod misbehaviour;
mod openapi;
mod orders;
mod shop;
mod traffic;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::task::TaskTracker;

use shop::Shop;

/// How long answers under way may take after the service has been asked to end.
const GRACE: Duration = Duration::from_secs(3);

/// What the demonstration service is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The port of the loopback address to listen on; 0 lets the system choose
    #[arg(long, env = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Makes no traffic of its own
    #[arg(long)]
    pub quiet: bool,
}

/// Serves until SIGTERM or SIGINT. Fails with `conflict` when the port is taken.
pub fn main(args: &Args) -> api::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| runtime.block_on(serve(args)));
    served.map_err(|error| api::Error::conflict(format!("the demonstration can't listen on port {}: {error}", args.port)))
}

async fn serve(args: &Args) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await?;
    let pid = std::process::id();
    shop::log("INFO", &format!("Started server process [{pid}]"));
    shop::log("INFO", "Application startup complete.");
    shop::log("INFO", &format!("Demonstration running on http://{} (Press CTRL+C to quit)", listener.local_addr()?));
    let (shop, connections) = (Arc::new(Shop::new()), TaskTracker::new());
    if !args.quiet {
        tokio::spawn(traffic::make(shop.clone()));
    }
    tokio::spawn(misbehaviour::act(shop.clone()));
    loop {
        tokio::select! {
            () = asked(&mut terminate, &mut interrupt) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => _ = connections.spawn(connection::serve(shop.clone(), stream, peer)),
                Err(error) => {
                    shop::log("ERROR", &format!("A connection was lost before it began: {error}"));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    shop::log("INFO", "Shutting down");
    shop.closing.cancel();
    connections.close();
    let _ = tokio::time::timeout(GRACE, connections.wait()).await;
    shop::log("INFO", "Application shutdown complete.");
    shop::log("INFO", &format!("Finished server process [{pid}]"));
    Ok(())
}

async fn asked(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests;
