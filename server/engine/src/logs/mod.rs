//! The logs of services: kept by their supervisors, read, searched and followed here.

pub mod level;
pub mod segment;
pub(crate) mod text;
