//! The supervisor alone, for the engine's own tests; people use `pilothouse supervise`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The first argument is `supervise`.
    engine::runtime::process::supervisor::main(std::env::args_os().skip(2))
}
