//! Makes what a service needs before it is started, beside one that may run: what the supervisor would do at the start otherwise.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use super::aside::{Aside, How};
use super::folder::{NONBLOCK, try_lock};
use crate::runtime::Prepare;
use crate::services::blocking_as;
use crate::user::SystemUser;

/// How long one step may take.
const LIMIT: Duration = Duration::from_secs(3600);
/// How often it is looked whether another one has made the same.
const LOOK: Duration = Duration::from_millis(200);

/// Makes all of `prepare`, as `user` when there is one, in `working_dir`; `told` hears what is done and what that writes. Dropped, nothing of it runs
/// on. What is there already is left as it is.
///
/// # Errors
/// With words for people, and the last lines that the failing step wrote.
pub async fn make(
    prepare: &Prepare,
    working_dir: &Path,
    user: Option<&SystemUser>,
    told: &mut (dyn FnMut(String) + Send),
) -> Result<(), String> {
    let why = |error: io::Error| format!("its environment can't be made: {error}");
    let mut is_told = false;
    let _lock = loop {
        if is_made(prepare, user).await.map_err(why)? {
            told("its environment is there already".into());
            return Ok(());
        }
        match lock(prepare, user).await.map_err(why)? {
            Some(lock) => break lock,
            None if !is_told => {
                told("another service makes the same environment; waiting for that".into());
                is_told = true;
            }
            None => {}
        }
        tokio::time::sleep(LOOK).await;
    };
    if is_made(prepare, user).await.map_err(why)? {
        return Ok(());
    }
    for step in &prepare.steps {
        told(step.label.clone());
        let (command, environment) = (step.command.clone(), prepare.environment.clone());
        let aside = Aside { user: user.cloned(), command, working_dir: working_dir.to_owned(), environment };
        let ran = aside.run_told(LIMIT, told).await;
        let how = match ran.how {
            How::Code(0) => continue,
            How::Code(code) => format!("exit code {code}"),
            How::Signal(signal) => format!("signal {signal}"),
            How::TimedOut => format!("it took more than {} minutes", LIMIT.as_secs() / 60),
            How::NotStarted(why) => why,
        };
        let said = ran.output.last().map(|line| format!(": {line}")).unwrap_or_default();
        return Err(format!("{} failed ({how}){said}", step.label));
    }
    let marker = prepare.marker.clone();
    let mark = move || OpenOptions::new().write(true).create(true).truncate(true).custom_flags(NONBLOCK).open(marker).map(drop);
    act(user, mark).await.map_err(|error| format!("its environment can't be marked as complete: {error}"))
}

async fn is_made(prepare: &Prepare, user: Option<&SystemUser>) -> io::Result<bool> {
    let marker = prepare.marker.clone();
    act(user, move || Ok(marker.exists())).await
}

async fn lock(prepare: &Prepare, user: Option<&SystemUser>) -> io::Result<Option<File>> {
    let (lock, marker) = (prepare.lock.clone(), prepare.marker.clone());
    let take = move || {
        for parent in [lock.parent(), marker.parent()].into_iter().flatten() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        try_lock(&lock)
    };
    act(user, take).await
}

async fn act<T: Send + 'static>(user: Option<&SystemUser>, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    blocking_as(user, work).await.map_err(|error| io::Error::other(error.message))?
}
