//! Finds the port that a service will listen on in what its author has written.

use super::python::{Module, Token, keyword};

/// A port in Python code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodePort {
    /// The port.
    pub port: u16,
    /// Whether the environment can't change it: it is written as a plain number.
    pub is_fixed: bool,
}

/// The port that `uvicorn.run(.., port=..)` and its like are given in `main`, where names are looked up in `main` and `config`.
pub(super) fn in_main(main: &Module, config: Option<&Module>) -> Option<CodePort> {
    let servers = ["run", "serve", "run_app", "Config", "TCPSite", "HTTPServer", "ThreadingHTTPServer", "WSGIServer", "make_server"];
    let constants: Vec<&Module> = [Some(main), config].into_iter().flatten().collect();
    for server in servers {
        for call in main.calls(server) {
            let named = keyword(&call, "port").or_else(|| keyword(&call, "bind"));
            // HTTPServer(("127.0.0.1", 8001), Handler)
            let address = call.first().filter(|first| matches!(first, [Token::Sign('('), .., Token::Sign(')')]));
            if let Some(found) = named.or(address.copied()).and_then(|value| port_of(value, &constants, 0)) {
                return Some(found);
            }
        }
    }
    option_default(main).or_else(|| in_config(main))
}

/// The port that a module sets: `PORT = 8001`, `port: int = 8001` of a settings class, `API_PORT = int(os.getenv("PORT", 8001))`.
pub(super) fn in_config(config: &Module) -> Option<CodePort> {
    let names = ["port", "app_port", "api_port", "service_port", "server_port", "http_port", "uvicorn_port"];
    names.into_iter().find_map(|name| {
        let set = config.assignments().find(|set| set.name.eq_ignore_ascii_case(name))?;
        let found = port_of(set.value, &[config], 0)?;
        // An attribute of a settings class is a default: the environment is read over it.
        Some(CodePort { is_fixed: found.is_fixed && set.is_global, ..found })
    })
}

/// The port that one of the variables of an environment file sets.
pub(super) fn in_variables(variables: &[(String, String)]) -> Option<u16> {
    let names = ["PORT", "APP_PORT", "API_PORT", "SERVICE_PORT", "SERVER_PORT", "HTTP_PORT", "UVICORN_PORT"];
    names.into_iter().find_map(|name| variables.iter().rev().find(|(own, _)| own == name).and_then(|(_, value)| number(value)))
}

/// The port of a Dockerfile: of the command that it ends with, else the first that it exposes.
pub(super) fn in_dockerfile(text: &str) -> Option<u16> {
    let joined = text.replace("\\\n", " ");
    let lines = || joined.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let starts = |line: &str, word: &str| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let command = lines().filter(|line| starts(line, "CMD ") || starts(line, "ENTRYPOINT ")).filter_map(in_command_line).next_back();
    let exposed =
        || lines().find(|line| starts(line, "EXPOSE ")).and_then(|line| number(line[7..].split_whitespace().next()?.split('/').next()?));
    command.or_else(exposed)
}

/// The port of the first address or option in a text for people: `localhost:8001`, `--port 8001`, "port 8001".
pub(super) fn in_prose(text: &str) -> Option<u16> {
    let lower = text.to_lowercase();
    let after = |word: &str| {
        lower.match_indices(word).find_map(|(at, _)| {
            let rest = lower[at + word.len()..].trim_start_matches(['=', ':', ' ', '`', '*', '"']);
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            number(&digits).filter(|port| *port >= 80)
        })
    };
    ["--port", "localhost:", "127.0.0.1:", "0.0.0.0:", "port"].into_iter().find_map(after)
}

/// The port of a command line: `--port 8001`, `--port=8001`, `-p 8001`, `--bind 0.0.0.0:8001`, in JSON or shell form.
pub(super) fn in_command_line(line: &str) -> Option<u16> {
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '[' | ']' | '='))
        .filter(|word| !word.is_empty())
        .collect();
    words.windows(2).find_map(|pair| match pair[0] {
        "--port" | "-p" => number(pair[1]),
        "--bind" | "-b" => number(pair[1].rsplit(':').next()?),
        _ => None,
    })
}

/// `add_argument("--port", default=8001)`, `@click.option("--port", default=8001)`.
fn option_default(main: &Module) -> Option<CodePort> {
    ["add_argument", "option", "Option"].into_iter().find_map(|name| {
        main.calls(name).find_map(|call| {
            let is_port = call.iter().any(|argument| matches!(argument, [Token::Text(text)] if text == "--port"));
            let default = keyword(&call, "default").filter(|_| is_port)?;
            port_of(default, &[main], 0)
        })
    })
}

/// The port that an expression is, as far as that can be told without running it.
fn port_of(value: &[Token], constants: &[&Module], depth: usize) -> Option<CodePort> {
    if depth > 4 || value.len() > 64 {
        return None;
    }
    match value {
        [Token::Number(digits) | Token::Text(digits)] => number(digits).map(|port| CodePort { port, is_fixed: true }),
        [] => None,
        _ if value.iter().any(|token| matches!(token, Token::Sign('+' | '-' | '*' | '/' | '%'))) => None,
        // A name, perhaps of an object: PORT, settings.port, get_settings().port.
        [.., Token::Name(name)] => constants.iter().find_map(|module| {
            let set = module.assignments().find(|set| set.name == name && set.value != value)?;
            let found = port_of(set.value, constants, depth + 1)?;
            Some(CodePort { is_fixed: found.is_fixed && set.is_global, ..found })
        }),
        // A default in a call or behind `or`: int(os.getenv("PORT", 8001)), Field(8001), config("PORT", default=8001, cast=int),
        // int(os.environ.get("PORT") or 8001), and the address of a server: ("127.0.0.1", 8001).
        _ => {
            let is_read = value.iter().filter_map(Token::name).any(|name| name.to_ascii_lowercase().contains("env") || name == "config");
            let numbers = value.iter().enumerate().filter(|(at, _)| !is_bound(value, *at));
            let mut last = numbers.filter_map(|(_, token)| match token {
                Token::Number(digits) | Token::Text(digits) => number(digits),
                Token::Name(name) if name.chars().any(|c| c.is_ascii_uppercase()) && depth < 4 => {
                    port_of(&[Token::Name(name.clone())], constants, depth + 1).map(|found| found.port)
                }
                _ => None,
            });
            last.next_back().map(|port| CodePort { port, is_fixed: !is_read && !value.iter().any(|token| token.is_name("Field")) })
        }
    }
}

/// Whether the token at `at` is the limit of a value and not the value: `Field(8001, gt=1024, le=65535)`.
fn is_bound(value: &[Token], at: usize) -> bool {
    at >= 2
        && value[at - 1].is_sign('=')
        && value[at - 2].name().is_some_and(|name| matches!(name, "gt" | "ge" | "lt" | "le" | "min" | "max" | "multiple_of" | "base"))
}

fn number(text: &str) -> Option<u16> {
    text.trim().trim_matches(['"', '\'']).replace('_', "").parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::{CodePort, in_command_line, in_config, in_dockerfile, in_main, in_prose};
    use crate::services::discovery::python::Module;

    fn fixed(port: u16) -> Option<CodePort> {
        Some(CodePort { port, is_fixed: true })
    }

    fn default(port: u16) -> Option<CodePort> {
        Some(CodePort { port, is_fixed: false })
    }

    #[test]
    fn the_port_of_a_main_module_is_found_in_the_ways_people_write_it() {
        for (source, port) in [
            ("uvicorn.run(app, host='0.0.0.0', port=8001)", fixed(8001)),
            ("uvicorn.run('main:app', port=int(os.getenv('PORT', 8001)))", default(8001)),
            ("uvicorn.run(app, port=int(os.environ.get(\"PORT\", \"8_001\")))", default(8001)),
            ("port = int(os.getenv('PORT') or 8001)\nuvicorn.run(app, port=port)", default(8001)),
            ("DEFAULT_PORT = 8001\nPORT = int(os.getenv('PORT', DEFAULT_PORT))\nuvicorn.run(app, port=PORT)", default(8001)),
            ("parser.add_argument('--port', type=int, default=8001)\nuvicorn.run(app, port=args.port)", fixed(8001)),
            ("HTTPServer(('127.0.0.1', 8001), Handler).serve_forever()", fixed(8001)),
            ("app.run(host='0.0.0.0', port=8001, debug=True)", fixed(8001)),
            ("uvicorn.run(app, port=8000 + 1)", None),
            ("uvicorn.run(app, port=99999)", None),
            ("uvicorn.run(app)", None),
            ("# uvicorn.run(app, port=8001)", None),
            ("PORT = PORT", None),
        ] {
            assert_eq!(in_main(&Module::read(source), None), port, "{source}");
        }
    }

    #[test]
    fn a_name_is_looked_up_in_the_configuration() {
        let main = Module::read("from config import settings\nuvicorn.run(app, port=settings.port)");
        let config = Module::read("class Settings(BaseSettings):\n    port: int = 8001\nsettings = Settings()");
        assert_eq!(in_main(&main, Some(&config)), default(8001));
    }

    #[test]
    fn the_port_of_a_configuration_is_found_in_the_ways_people_write_it() {
        for (source, port) in [
            ("PORT = 8001", fixed(8001)),
            ("class Settings(BaseSettings):\n    port: int = 8001", default(8001)),
            ("class Settings(BaseSettings):\n    PORT: int = Field(default=8001, env='PORT')", default(8001)),
            ("class Settings(BaseSettings):\n    port: int = Field(8001, ge=1024, le=65535)", default(8001)),
            ("API_PORT: int = int(os.getenv('API_PORT', '8001'))", default(8001)),
            ("PORT = config('PORT', default=8001, cast=int)", default(8001)),
            ("REPORT = 8001", None),
        ] {
            assert_eq!(in_config(&Module::read(source)), port, "{source}");
        }
    }

    #[test]
    fn the_port_of_a_dockerfile_is_that_of_its_command_before_the_exposed_one() {
        let text = "FROM python:3.11\nEXPOSE 9000\n# EXPOSE 1\nCMD [\"uvicorn\", \"main:app\", \\\n \"--port\", \"8001\"]\n";
        assert_eq!(in_dockerfile(text), Some(8001));
        assert_eq!(in_dockerfile("EXPOSE 8001/tcp 9000\nCMD python main.py"), Some(8001));
        assert_eq!(in_dockerfile("EXPOSE $PORT"), None);
    }

    #[test]
    fn the_port_of_prose_and_command_lines_is_found() {
        assert_eq!(in_prose("Open http://localhost:8001/docs"), Some(8001));
        assert_eq!(in_prose("It listens on **port** `8001`."), Some(8001));
        assert_eq!(in_prose("A portable thing of 2024"), None);
        assert_eq!(in_command_line("gunicorn -b 0.0.0.0:8001 main:app"), Some(8001));
    }
}
