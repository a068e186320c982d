//! What every runtime promises, as tests. Each driver stamps them out with [`conformance!`](crate::conformance).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use api::ServiceId;

use super::{Launch, Observation, ProcessLaunch, Runtime};

/// How the suite says that a command shall be run in a folder.
pub type MakeLaunch = fn(&Path, &[&str]) -> Launch;

/// A process that runs `command` in `folder`, with a path to the usual programs.
pub fn process(folder: &Path, command: &[&str]) -> Launch {
    Launch::Process(process_launch(folder, command))
}

/// [`process`], to be changed before it is used.
pub fn process_launch(folder: &Path, command: &[&str]) -> ProcessLaunch {
    let path = "/usr/local/bin:/usr/bin:/bin".to_owned();
    ProcessLaunch {
        name: "test".into(),
        user: None,
        prepare: None,
        command: command.iter().map(|part| (*part).to_owned()).collect(),
        working_dir: folder.into(),
        environment: BTreeMap::from([("PATH".to_owned(), path)]),
        limits: api::Limits::default(),
        socket: None,
    }
}

/// Waits until `id` is as `is_so` says; answers how it is then.
///
/// # Panics
/// When that takes more than 30 seconds.
pub async fn until(runtime: &dyn Runtime, id: ServiceId, is_so: impl Fn(&Observation) -> bool) -> Observation {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let observation = runtime.observe(id).await.expect("a service can be observed");
        if is_so(&observation) {
            return observation;
        }
        assert!(Instant::now() < deadline, "it is still {observation:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A service that is started runs once, stops when asked, and is gone when removed.
pub async fn lives_and_dies(runtime: &dyn Runtime, folder: &Path, launch: MakeLaunch) {
    let id = ServiceId(crate::Clock::System.new_uuid());
    assert_eq!(runtime.observe(id).await, Ok(Observation::Absent));
    assert_eq!(runtime.stats(id).await, Ok(None));
    runtime.stop(id, Duration::ZERO).await.expect("stopping what never ran succeeds");

    runtime.start(id, launch(folder, &["sleep", "600"])).await.expect("it starts");
    let first = until(runtime, id, |now| matches!(now, Observation::Running { .. })).await;
    runtime.start(id, launch(folder, &["sleep", "600"])).await.expect("starting what runs succeeds");
    assert_eq!(runtime.observe(id).await, Ok(first), "and changes nothing");
    let stats = runtime.stats(id).await.expect("it can be measured").expect("it runs");
    assert!(!stats.pids.is_empty());
    assert!(runtime.observe_all().await.expect("all can be observed").iter().any(|(one, _)| *one == id));
    assert!(runtime.remove(id).await.is_err(), "what runs can't be removed");

    runtime.stop(id, Duration::from_secs(10)).await.expect("it stops");
    let Ok(Observation::Ended(ended)) = runtime.observe(id).await else { panic!("it has ended") };
    assert!(ended.was_asked && ended.start_failure.is_none());
    runtime.stop(id, Duration::ZERO).await.expect("stopping what has ended succeeds");
    assert_eq!(runtime.stats(id).await, Ok(None));

    runtime.start(id, launch(folder, &["sleep", "600"])).await.expect("it starts again");
    until(runtime, id, |now| matches!(now, Observation::Running { .. })).await;
    runtime.stop(id, Duration::from_secs(10)).await.expect("it stops again");
    runtime.remove(id).await.expect("it is removed");
    assert_eq!(runtime.observe(id).await, Ok(Observation::Absent));
}

/// Changes are told as they happen, and once.
pub async fn tells_what_happens(runtime: &dyn Runtime, folder: &Path, launch: MakeLaunch) {
    let id = ServiceId(crate::Clock::System.new_uuid());
    let mut events = runtime.take_events().expect("nobody has taken them");
    assert!(runtime.take_events().is_none(), "they can be taken once");
    runtime.start(id, launch(folder, &["sleep", "600"])).await.expect("it starts");
    until(runtime, id, |now| matches!(now, Observation::Running { .. })).await;
    runtime.stop(id, Duration::from_secs(10)).await.expect("it stops");
    let mut told = Vec::new();
    while !matches!(told.last(), Some(Observation::Ended(_))) {
        let (one, observation) = events.recv().await.expect("there are more to come");
        assert_eq!(one, id);
        assert_ne!(told.last(), Some(&observation), "a change is a change");
        told.push(observation);
    }
    assert!(told.iter().any(|one| matches!(one, Observation::Running { .. })));
    runtime.remove(id).await.expect("it is removed");
}

/// Stamps out the suite for a driver: the first expression makes one, of which the first part is the runtime and the second is
/// kept until the end of the test; `folder` is a working directory. The second says how it is told to run a command.
#[macro_export]
macro_rules! conformance {
    (|$folder:ident| $make:expr, $launch:expr) => {
        $crate::conformance!(@ |$folder| $make, $launch, lives_and_dies, tells_what_happens);
    };
    (@ |$folder:ident| $make:expr, $launch:expr, $($name:ident),+) => {
        /// What every runtime promises.
        mod conformance {
            #[allow(unused_imports)]
            use super::*;

            $(#[tokio::test]
            async fn $name() {
                let temporary = tempfile::tempdir().expect("a temporary folder can be made");
                let $folder = temporary.path();
                let (runtime, _kept) = $make;
                $crate::runtime::conformance::$name(&runtime, $folder, $launch).await;
            })+
        }
    };
}
