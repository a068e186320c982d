//! Monitoring: health checks, process figures, request figures, and all of these over time.

mod exposed;
mod exposition;
mod families;
mod health;
mod http;
mod round;
