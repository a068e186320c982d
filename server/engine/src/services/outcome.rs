//! How a run ended, in words.

use api::LastExit;

use crate::runtime::Ended;

/// Why a run ended by itself: "exited with code 1", "killed by SIGKILL".
pub(super) fn reason(ended: &Ended) -> String {
    if let Some(failure) = &ended.start_failure {
        return failure.clone();
    }
    match (ended.code, ended.signal) {
        _ if ended.oom => "killed by the system for want of memory".into(),
        (_, Some(signal)) => format!("killed by {}", signal_name(signal)),
        (Some(0), None) => "ended by itself with code 0".into(),
        (Some(code), None) => format!("exited with code {code}"),
        (None, None) => "ended while nobody watched; its exit code is not known".into(),
    }
}

/// What is kept of it.
pub(super) fn last_exit(ended: &Ended, last_lines: Vec<String>) -> LastExit {
    LastExit { code: ended.code, signal: ended.signal, oom: ended.oom, at: ended.at, last_lines }
}

/// The name of a signal of Linux, as `kill -l` has it.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use api::Timestamp;

    use super::reason;
    use crate::runtime::Ended;

    #[test]
    fn each_end_has_its_words() {
        let ended =
            Ended { code: None, signal: None, oom: false, began: None, at: Timestamp::default(), was_asked: false, start_failure: None };
        assert_eq!(reason(&Ended { code: Some(1), ..ended.clone() }), "exited with code 1");
        assert_eq!(reason(&Ended { signal: Some(9), ..ended.clone() }), "killed by SIGKILL");
        assert_eq!(reason(&Ended { signal: Some(50), ..ended.clone() }), "killed by signal 50");
        assert!(reason(&Ended { signal: Some(9), oom: true, ..ended.clone() }).contains("memory"));
        assert!(reason(&ended).contains("not known"));
        assert_eq!(reason(&Ended { start_failure: Some("no pip".into()), ..ended }), "no pip");
    }
}
