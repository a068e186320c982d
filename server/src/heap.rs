//! How memory that nobody uses goes back to the system: what was freed, and pages of the program's file.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How often memory that was freed is given back: a start, a large page or an import leaves some, and nobody else would.
const EVERY: Duration = Duration::from_secs(600);
/// How long after the start it is done first.
const FIRST: Duration = Duration::from_secs(30);

/// Has all threads share as many heaps as there are workers. The C library would give each thread one of its own, also the many
/// that wait for a disk: a megabyte or two that nobody uses again.
pub fn share(workers: usize) {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "no safe crate offers mallopt")]
    // SAFETY: it takes two integers by value and touches no memory of ours; a setting that it doesn't know it refuses.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, i32::try_from(workers.max(2)).unwrap_or(2));
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = workers;
}

/// Gives back what was freed and the code that only the start needed, now and then, until shutdown. It takes a few milliseconds each time.
pub async fn keep_small(shutdown: CancellationToken) {
    let mut pause = FIRST;
    while shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        // A failure only leaves memory where it is.
        let _ = tokio::task::spawn_blocking(give_back).await;
        pause = EVERY;
    }
}

fn give_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "no safe crate offers malloc_trim")]
    // SAFETY: it takes an integer by value, may be called by any thread at any time, and touches only memory that is free.
    unsafe {
        libc::malloc_trim(0);
    }
    engine::mapped::let_go();
}
