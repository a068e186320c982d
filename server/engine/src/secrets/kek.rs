//! The key-encryption key: from a file, from a setting, or derived from the key of this Pilothouse.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use api::{Error, Result, Secret};
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::aead;
use crate::SecretsKey;
use crate::store::{Keys, mac};

/// The most bytes that a file with a key may have: 64 digits and some room.
const FILE_BYTES: u64 = 1024;
/// Others may not read it, and nobody but its owner may change it.
const TOO_OPEN: u32 = 0o027;
/// What a key is, after "it has to be".
const FORM: &str = "32 random bytes, as they are (only in a file), as 64 hexadecimal digits or as base64";

/// 256 bits that wrap data keys, and where they are from.
pub struct Kek {
    key: Zeroizing<[u8; 32]>,
    id: String,
    source: String,
}

impl Kek {
    /// The key that the configuration names.
    ///
    /// # Errors
    /// `validation_failed` when it isn't a key or its file is open to others, `unavailable` when its file can't be read.
    pub fn of(source: &SecretsKey, keys: &Keys) -> Result<Self> {
        let (key, source) = match source {
            SecretsKey::Derived => (Zeroizing::new(keys.derive("secrets")), "the one that is made of this Pilothouse's own key".to_owned()),
            SecretsKey::Text(text) => (of_text(text)?, "the one in PILOTHOUSE_SECRETS_KEY".to_owned()),
            SecretsKey::File(path) => (of_file(path)?, format!("the one in {}", path.display())),
        };
        let fingerprint = mac(&key, &[b"pilothouse key fingerprint 1"]);
        Ok(Self { key, id: fingerprint[..8].iter().map(|byte| format!("{byte:02x}")).collect(), source })
    }

    /// Its fingerprint: 16 hexadecimal digits that say nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is from, for people: "the one in /etc/pilothouse/secrets.key".
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Wraps a data key.
    pub fn wrap(&self, id: i64, key: &[u8; 32]) -> Result<Vec<u8>> {
        aead::seal(&aead::cipher(&self.key), &[], &bound(id), key)
    }

    /// Unwraps a data key; none when this key hasn't wrapped it, or it was changed since, or is of another number.
    pub fn unwrap(&self, id: i64, wrapped: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let key = aead::open(&aead::cipher(&self.key), &bound(id), wrapped)?;
        key.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

fn bound(id: i64) -> Vec<u8> {
    [b"pilothouse data key 1:".as_slice(), &id.to_be_bytes()].concat()
}

fn of_text(text: &Secret) -> Result<Zeroizing<[u8; 32]>> {
    read(text.reveal().as_bytes()).ok_or_else(|| Error::invalid("secrets_key", format!("secrets_key isn't a key: it has to be {FORM}")))
}

fn of_file(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        Error::unavailable(format!(
            "secrets can't be used: the file with their key, {shown}, can't be read: {error}; put it back, or let Pilothouse's user read it, \
             and start Pilothouse again"
        ))
    };
    let refused = |why: String| Error::invalid("secrets_key_file", why);
    // What has no end, or waits for a writer, is not opened at all.
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(refused(format!("secrets_key_file {shown} is no file; name the file with the key")));
    }
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if about.mode() & TOO_OPEN != 0 {
        return Err(refused(format!(
            "secrets_key_file {shown} is open to others (mode {:03o}), so the key in it is none; close it with 'chmod 600', and take a new key if \
             others may have read this one",
            about.mode() & 0o777
        )));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES as usize + 1));
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match <[u8; 32]>::try_from(bytes.as_slice()) {
        Ok(key) => Ok(Zeroizing::new(key)),
        Err(_) => read(&bytes).ok_or_else(|| refused(format!("secrets_key_file {shown} has no key in it: it has to be {FORM}"))),
    }
}

/// A key as hexadecimal digits or base64, with or without padding.
fn read(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let text = text.trim_ascii();
    let digit = |at: usize| char::from(text[at]).to_digit(16).map(|digit| digit as u8);
    if text.len() == 64 {
        let mut key = Zeroizing::new([0; 32]);
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = digit(2 * at)? << 4 | digit(2 * at + 1)?;
        }
        return Some(key);
    }
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decode = |alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok().map(Zeroizing::new);
    let bytes = decode(&STANDARD).or_else(|| decode(&URL_SAFE))?;
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use api::{ErrorCode, Secret};
    use base64::Engine;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::{of_file, of_text, read};

    const KEY: [u8; 32] = [0xfb; 32];

    #[test]
    fn a_key_is_read_in_each_form_and_nothing_else_is_one() {
        let hex = "fb".repeat(32);
        for text in [hex.clone(), hex.to_uppercase(), BASE64_STANDARD.encode(KEY), BASE64_URL_SAFE_NO_PAD.encode(KEY), format!(" {hex}\n")]
        {
            assert_eq!(read(text.as_bytes()).as_deref(), Some(&KEY), "{text}");
        }
        for text in ["", "hunter2", &hex[..62], &format!("{hex}00"), &"g".repeat(64), &BASE64_STANDARD.encode([1; 31])] {
            let error = of_text(&Secret::new(text)).expect_err("it is none");
            assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, "secrets_key"));
            assert!(text.is_empty() || !error.message.contains(text), "{error}");
        }
    }

    #[test]
    fn a_file_with_a_key_must_be_closed_to_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.key");
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
        for content in [KEY.to_vec(), "fb".repeat(32).into_bytes(), format!("{}\n", BASE64_STANDARD.encode(KEY)).into_bytes()] {
            std::fs::write(&path, &content).expect("it is written");
            mode(0o600);
            assert_eq!(*of_file(&path).expect("a key"), KEY);
        }
        mode(0o440);
        assert!(of_file(&path).is_ok());
        for open in [0o604, 0o602, 0o660, 0o666] {
            mode(open);
            let error = of_file(&path).expect_err("it is open");
            assert!(error.code == ErrorCode::ValidationFailed && error.message.contains("chmod 600"), "{open:o}: {error}");
        }
        mode(0o600);
        std::fs::write(&path, "no key").expect("it is written");
        assert_eq!(of_file(&path).expect_err("it is none").code, ErrorCode::ValidationFailed);
        assert_eq!(of_file(folder.path()).expect_err("a folder").code, ErrorCode::ValidationFailed);
        assert_eq!(of_file(&folder.path().join("none")).expect_err("it isn't there").code, ErrorCode::Unavailable);
    }
}
