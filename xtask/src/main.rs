//! `cargo xtask`: everyday commands. Each does the set-up that it needs, and says what it does.

mod bench;
mod bundle;
mod check;
mod compress;
mod content;
mod debian;
mod docker;
mod imports;
mod place;
mod postgres;
mod repository;
mod serve;
mod site;
mod step;
mod style;
mod sysroot;
mod test;
mod tools;
mod wasm;

use std::env;
use std::process::ExitCode;

use site::Size;
use step::Steps;

const HELP: &str = "\
Everyday commands of Pilothouse.

cargo xtask run [ARGS..]              build what is missing and start Pilothouse; ARGS go to `pilothouse serve`
cargo xtask test [rust|browser] [NAME]  every test, or those of one kind, or those whose name contains NAME
cargo xtask build                     make the one release binary, target/release/pilothouse
cargo xtask check [PART]              format, lints, documentation, licences and rules of the repository;
                                      PART is one of format, native, wasm, docs, licences, repository
cargo xtask bench [NAME]              measure page, boot, list, fanout, updates, restart and idle beside others in the same run
cargo xtask site [small]              build the site only; `small` as it is shipped

Environment:
  PILOTHOUSE_CACHE          where tools and compilers are kept (~/.cache/pilothouse-dev unless set)
  PILOTHOUSE_WASM_COMPILER  `debian` builds for the browser with Debian's compiler even if rustup has the target
  PILOTHOUSE_SERVICES_DIR   the folder of services for `run` (./services unless set)
  PILOTHOUSE_PROGRAM        what the browser tests start (the development build unless set; target/release/pilothouse is made by `build`)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let steps = Steps::default();
    let result = match command {
        "run" => serve::run(&steps, rest),
        "build" => serve::build(&steps),
        "bench" => bench::run(&steps, rest.first().map(String::as_str)),
        "check" => check::all(&steps, rest.first().map(String::as_str)),
        "test" => test::run(&steps, rest),
        "site" => site::build(&steps, if rest.first().is_some_and(|word| word == "small") { Size::Optimised } else { Size::AsBuilt }),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no command `{other}`\n\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\nxtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
