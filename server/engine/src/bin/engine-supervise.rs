//! The supervisor and the proxy alone, for the engine's own tests; people use `pilothouse`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next().as_deref().and_then(|command| command.to_str()) {
        Some("proxy") => engine::proxy::main(args),
        // The other is `supervise`.
        _ => engine::runtime::process::supervisor::main(args),
    }
}
