//! The program `pilothouse`.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
