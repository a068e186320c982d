//! The configuration of a service: what its variables may be, and what they are.

pub mod schema;
