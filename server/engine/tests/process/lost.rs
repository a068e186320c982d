//! What is asked of a supervisor that dies before it hears it.

use std::time::Duration;

use engine::runtime::Runtime as _;
use rustix::process::{Pid, Signal, kill_process};

use super::{House, ended, is_alive, kill};

#[tokio::test]
async fn a_stop_that_a_supervisor_took_to_its_grave_is_asked_of_the_next() {
    let house = House::new().await;
    let (id, pid) = house.run(&["sleep", "600"]).await;
    let supervisor = house.supervisor(id);
    kill_process(Pid::from_raw(supervisor as i32).unwrap(), Signal::STOP).unwrap();
    let killed = async {
        // Until all that can be done has been: the request is on its way to somebody who reads nothing.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        kill(supervisor);
    };
    let (stopped, ()) = tokio::join!(house.runtime.stop(id, Duration::from_secs(5)), killed);
    stopped.unwrap();
    assert!(!is_alive(pid));
    assert!(ended(&house.runtime, id).await.was_asked);
}
