//! A folder with a small HTTP service in Python, beside a script that does the same by hand.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use super::{Cost, ROUNDS, deploy, make, stop, write_service};
use crate::processes::{self, Spent};
use crate::program::Program;
use crate::table::Table;

/// Copies the folder to one of the version, lets a link lead there, ends what runs, starts the new one, and asks until it is well.
const SCRIPT: &str = r#"
set -eu
runs() {
    # What nobody has waited for yet has ended all the same.
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ $stat != *") Z "* ]]
}
cd "$1"
cp -r source "releases/$2"
ln -s "releases/$2" new
mv -T new current
if [ -e pid ]; then
    old=$(cat pid)
    kill "$old"
    while runs "$old"; do sleep 0.02; done
fi
(cd current/ && PORT=$3 exec setsid python3 main.py </dev/null >>../../log 2>&1) &
echo $! >pid
is_well() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /health HTTP/1.0\r\n\r\n' >&3 && read -r said <&3 && [[ $said == *" 200 "* ]]) 2>/dev/null
}
until is_well "$3"; do sleep 0.02; done
"#;

pub async fn measure(table: &mut Table) {
    let (ours, theirs) = (pilothouse().await, script());
    ours.compare("deployment of a process; baseline: a script", &theirs, table);
}

/// Of Pilothouse with its supervisors, without what the service uses from its fork on.
async fn pilothouse() -> Cost {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("source");
    write_service(&folder, 0);
    let program = Program::pilothouse(&place.path().join("data"));
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let id = make(&mut client, json!({ "name": "deployed", "source": { "folder": folder }, "health": { "path": "/health" } })).await;
    deploy(&mut client, &id, json!({})).await;
    let spent = || Spent::by_those(program.pid(), |command| command.ends_with("main.py"));
    let mut cost = Cost::default();
    for round in 1..=ROUNDS {
        write_service(&folder, round);
        let before = spent();
        let (_, wall) = deploy(&mut client, &id, json!({})).await;
        cost.add(wall, spent().of_keeper_since(&before));
    }
    stop(&mut client, &id).await;
    cost
}

/// Of the script and the programs that it runs, but not of the service.
fn script() -> Cost {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("releases")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut cost = Cost::default();
    for round in 0..=ROUNDS {
        write_service(&place.path().join("source"), round);
        let (before, begun) = (processes::waited_for(), Instant::now());
        let mut command = Command::new("bash");
        command.args(["-c", SCRIPT, "deploy"]).arg(place.path()).args([round.to_string(), port.to_string()]);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        if round > 0 {
            cost.add(begun.elapsed().as_secs_f64(), processes::waited_for() - before);
        }
    }
    end(place.path());
    cost
}

fn end(place: &Path) {
    let pid = std::fs::read_to_string(place.join("pid")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}
