//! What of a service Pilothouse doesn't take from a Compose file, in words for whoever has to live with it.

use super::scope::Scope;
use super::value::{asks, flag, seconds, shown, text};

const PRIVILEGES: &str = "isn't given: containers of Pilothouse get no privileges";
const MACHINE: &str = "isn't given: containers of Pilothouse get no part of the machine";
const LATER: &str = "isn't honoured yet";
/// The seconds that Pilothouse and Docker both wait.
const GRACE: u32 = 10;

/// Notes each field of a service that is there for something and isn't honoured.
pub(super) fn note(scope: &mut Scope<'_>) {
    for (field, value) in scope.fields().filter(|(_, value)| asks(value)) {
        let message = match field.as_str() {
            "stop_grace_period" if seconds(field, value) == Ok(Some(GRACE)) => None,
            "pull_policy" if text(field, value).is_ok_and(|policy| matches!(policy.as_str(), "missing" | "if_not_present" | "build")) => {
                None
            }
            // What says no in text, as from a variable.
            "privileged" | "tty" | "stdin_open" | "oom_kill_disable" if flag(field, value) == Ok(false) => None,
            field => message(field),
        };
        if let Some(message) = message {
            scope.note(&shown(field), message);
        }
    }
}

/// What is said of a field; none when it is honoured, or says nothing about how a service runs.
fn message(field: &str) -> Option<&'static str> {
    let message = match field {
        "image" | "build" | "profiles" | "command" | "entrypoint" | "working_dir" | "user" | "read_only" | "init" | "environment"
        | "env_file" | "ports" | "expose" | "volumes" | "networks" | "network_mode" | "container_name" | "hostname" | "depends_on"
        | "links" | "healthcheck" | "restart" | "deploy" | "scale" | "mem_limit" | "cpus" | "pids_limit" | "ulimits" | "labels"
        | "extends" | "attach" => return None,
        "privileged"
        | "cap_add"
        | "security_opt"
        | "sysctls"
        | "userns_mode"
        | "cgroup"
        | "cgroup_parent"
        | "runtime"
        | "group_add"
        | "device_cgroup_rules"
        | "credential_spec"
        | "use_api_socket" => PRIVILEGES,
        "devices" | "gpus" | "pid" | "ipc" | "uts" => MACHINE,
        "volumes_from" => "isn't given: name the volumes under 'volumes' of both services",
        "external_links" => "isn't given: only services of the project are in its network",
        "pull_policy" => "isn't honoured: an image is pulled when it isn't there",
        "stop_grace_period" => "isn't taken: a stop waits 10 seconds, which can be changed once the service is there",
        "extra_hosts" | "shm_size" | "tmpfs" | "logging" | "secrets" | "configs" | "develop" | "provider" | "post_start" | "pre_start"
        | "pre_stop" | "platform" | "stop_signal" | "tty" | "stdin_open" | "cap_drop" | "domainname" | "mac_address" | "annotations"
        | "label_file" | "labels_file" | "storage_opt" | "isolation" | "blkio_config" | "memswap_limit" | "models"
        | "pull_refresh_after" => LATER,
        field if ["dns", "oom_", "cpu_", "mem_"].iter().any(|prefix| field.starts_with(prefix)) || field == "cpuset" => LATER,
        field if field.starts_with("x-") => return None,
        _ => "isn't known to Compose, or not to Pilothouse",
    };
    Some(message)
}
