//! An engine that can't be reached, or hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use engine::runtime::conformance::until;
use engine::runtime::{Observation, Runtime as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};

use super::{Foreign, House, WAIT, docker, ended, host, is_running};

/// Passes what is said to the engine on, until it is cut or hangs.
struct Wire {
    path: std::path::PathBuf,
    state: Arc<AtomicU8>,
    _folder: tempfile::TempDir,
}

/// It passes everything on.
const WHOLE: u8 = 0;
/// It ends connections.
const CUT: u8 = 1;
/// It takes connections and passes nothing on, as an engine that was stopped by SIGSTOP.
const HUNG: u8 = 2;
/// It says what happens, and answers nothing that it is asked.
const DEAF: u8 = 3;

impl Wire {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker.sock");
        let (listener, state) = (UnixListener::bind(&path).unwrap(), Arc::new(AtomicU8::new(WHOLE)));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move {
                    let until = |wanted: &'static [u8]| {
                        let state = state.clone();
                        async move {
                            while !wanted.contains(&state.load(Ordering::Acquire)) {
                                tokio::time::sleep(Duration::from_millis(5)).await;
                            }
                        }
                    };
                    let engine = host();
                    let mut far = UnixStream::connect(engine.strip_prefix("unix://").unwrap()).await.unwrap();
                    if [WHOLE, DEAF].contains(&state.load(Ordering::Acquire)) {
                        let ((mut asks, mut hears), (mut answers, mut is_asked)) = (near.split(), far.split());
                        let asked = async {
                            let mut piece = [0; 8 << 10];
                            while let Ok(length @ 1..) = asks.read(&mut piece).await {
                                until(&[WHOLE]).await;
                                if is_asked.write_all(&piece[..length]).await.is_err() {
                                    break;
                                }
                            }
                        };
                        tokio::select! {
                            () = asked => {}
                            _ = copy(&mut answers, &mut hears) => {}
                            () = until(&[CUT, HUNG]) => {}
                        }
                    }
                    if state.load(Ordering::Acquire) == HUNG {
                        until(&[WHOLE, CUT]).await;
                    }
                });
            }
        });
        Self { path, state, _folder: folder }
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Release);
    }
}

#[tokio::test]
async fn an_engine_that_is_gone_makes_services_unknown_and_what_happened_meanwhile_is_seen_when_it_is_back() {
    let wire = Wire::new();
    let house = House::at(format!("unix://{}", wire.path.display())).await;
    let steady = Foreign::run(&[], "echo before; trap 'exit 0' TERM; sleep 600 & wait");
    let id = house.adopt(&steady.0);
    until(house.as_ref(), id, is_running).await;
    house.until_lines(id, &["before"]).await;
    wire.set(CUT);
    let why = until(house.as_ref(), id, |seen| matches!(seen, Observation::Unknown(_))).await;
    assert!(matches!(why, Observation::Unknown(why) if why.contains("Docker")));
    assert!(house.stats(id).await.is_err() && house.probe().await.is_err() && house.discover().is_none());
    docker(&["kill", &steady.0]);
    docker(&["rm", &steady.0]);
    steady.again(&[], "echo after; exit 4");
    wire.set(WHOLE);
    let end = ended(&house, id).await;
    assert_eq!(end.code, Some(4), "the container of that name is another one");
    house.until_lines(id, &["before", "after"]).await;
}

#[tokio::test]
async fn an_engine_that_hangs_is_noticed_holds_nothing_up_for_ever_and_is_used_again_when_it_answers() {
    let wire = Wire::new();
    let house = House::at(format!("unix://{}", wire.path.display())).await;
    let steady = Foreign::run(&[], WAIT);
    let id = house.adopt(&steady.0);
    until(house.as_ref(), id, is_running).await;
    wire.set(HUNG);
    assert!(house.stats(id).await.is_err(), "an answer is waited for only so long");
    let why = until(house.as_ref(), id, |seen| matches!(seen, Observation::Unknown(_))).await;
    assert!(matches!(why, Observation::Unknown(why) if why.contains("hasn't answered within 5 s")));
    wire.set(WHOLE);
    until(house.as_ref(), id, is_running).await;
}

#[tokio::test]
async fn an_engine_that_hangs_while_it_is_asked_about_what_has_happened_is_noticed_too() {
    let wire = Wire::new();
    let house = House::at(format!("unix://{}", wire.path.display())).await;
    let steady = Foreign::run(&[], WAIT);
    let id = house.adopt(&steady.0);
    until(house.as_ref(), id, is_running).await;
    wire.set(DEAF);
    let others = [(); 4].map(|()| Foreign::run(&[], WAIT));
    let why = until(house.as_ref(), id, |seen| matches!(seen, Observation::Unknown(_))).await;
    assert!(matches!(why, Observation::Unknown(why) if why.contains("hasn't answered within 5 s")));
    wire.set(WHOLE);
    until(house.as_ref(), id, is_running).await;
    for other in &others {
        let id = house.adopt(&other.0);
        until(house.as_ref(), id, is_running).await;
    }
}
