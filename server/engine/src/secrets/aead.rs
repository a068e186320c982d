//! XChaCha20-Poly1305 over bytes with a random nonce in front: 24 bytes, which are enough to be never the same twice.

use api::{Error, Result};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::clock::random;

/// Bytes of a nonce.
const NONCE: usize = 24;

/// The cipher of a key.
pub fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

/// `head`, a nonce, and `plain` sealed together with `bound`, which isn't in the answer.
pub fn seal(cipher: &XChaCha20Poly1305, head: &[u8], bound: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<NONCE>();
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: bound }).map_err(|_| {
        tracing::error!(bytes = plain.len(), "value_not_sealed");
        Error::internal()
    })?;
    Ok([head, &nonce, &sealed].concat())
}

/// What [`seal`] has sealed, given without its head; none when the bytes, the key or what was bound is another.
pub fn open(cipher: &XChaCha20Poly1305, bound: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: bound }).ok().map(Zeroizing::new)
}
