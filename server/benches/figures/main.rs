//! Figures of Pilothouse beside a baseline of the same run: `cargo xtask bench [NAME]`.
//!
//! Machines differ and are noisy, so what counts is work for each CPU second of the server, and its ratio to a bare axum program
//! that sends the same bytes. The program that is measured is named by `PILOTHOUSE_BENCH_PROGRAM`.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't go on has nothing better to do than to say where")]

mod baseline;
mod boot;
mod client;
mod configuration;
mod deploy;
mod fanout;
mod idle;
mod list;
mod page;
mod processes;
mod program;
mod proxy;
mod restart;
mod rival;
mod table;
mod updates;
mod watcher;

use std::process::ExitCode;

use table::Table;

/// What the benchmark can be told: a scenario, or one of the roles that it starts itself in.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let role = arguments.first().map(String::as_str).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match role {
        "role-baseline" => runtime.block_on(baseline::serve()),
        "role-target" => tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(baseline::target()),
        "role-lines" => baseline::lines(arguments[1].parse().unwrap()),
        "role-watcher" => watcher::watch(&arguments[1], &arguments[2]),
        _ => {
            let mut table = Table::default();
            runtime.block_on(async {
                let wanted = |name: &str| role.is_empty() || name.contains(role);
                if wanted("page") {
                    page::measure(&mut table).await;
                }
                if wanted("boot") {
                    boot::measure(&mut table).await;
                }
                if wanted("list") {
                    list::measure(&mut table).await;
                }
                if wanted("fanout") {
                    fanout::measure(&mut table).await;
                }
                if wanted("updates") {
                    updates::measure(&mut table).await;
                }
                if wanted("restart") {
                    restart::measure(&mut table).await;
                }
                if wanted("proxy") {
                    proxy::measure(&mut table).await;
                }
                if wanted("configuration") {
                    configuration::measure(&mut table).await;
                }
                if wanted("deploy") {
                    deploy::measure(&mut table).await;
                }
                if wanted("idle") {
                    idle::measure(&mut table).await;
                }
            });
            table.print();
        }
    }
    ExitCode::SUCCESS
}
