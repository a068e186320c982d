//! Services: found in folders or made by people, started, watched and stopped.

pub mod discovery;
pub mod launch;
