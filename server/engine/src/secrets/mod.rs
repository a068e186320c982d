//! Secrets: sealed in the store under keys of their own.

mod aead;
mod kek;
pub mod keyring;

pub use keyring::Keyring;
