//! Access tokens (JWT), refresh tokens and API tokens: made and read here, with nothing but keys.
//!
//! An access token says who and which session, never what they may do. A refresh token is a random secret with a tag that
//! proves that Pilothouse made it, so that a forged one can't pass for a used one and end somebody's session. Each is followed by one
//! that a key derives from it, so that the same answer can be given twice although only hashes are stored. An API token has such a tag
//! too, so that guesses are refused without asking the store.

use api::{ApiToken, Error, ErrorCode, Result, Secret, SessionId, Timestamp, UserId};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::random;
use crate::store::{Keys, mac};

/// Seconds that an access token lasts.
pub const ACCESS_SECONDS: u32 = 300;

/// Who issues them and whom they are for.
const ISSUER: &str = "pilothouse";
/// Marks a refresh token for those who look for lost secrets.
const PREFIX: &str = "phr_";

/// Makes and reads tokens.
pub struct TokenMint {
    signing: EncodingKey,
    reading: DecodingKey,
    validation: Validation,
    tag_key: [u8; 32],
    next_key: [u8; 32],
    api_key: [u8; 32],
}

/// What an access token says; all of it is required.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The user.
    pub sub: UserId,
    /// The session.
    pub sid: SessionId,
    iat: i64,
    exp: i64,
    typ: String,
}

/// A refresh token that Pilothouse made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session.
    pub session: SessionId,
    /// How many tokens of the session there were before.
    pub generation: i64,
    secret: [u8; 32],
}

impl TokenMint {
    /// With keys of its own purpose each.
    pub fn new(keys: &Keys) -> Self {
        let access = keys.derive("access tokens");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The engine's clock decides, which a test may stop.
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(&access),
            reading: DecodingKey::from_secret(&access),
            validation,
            tag_key: keys.derive("refresh token tags"),
            next_key: keys.derive("refresh token successors"),
            api_key: keys.derive("API token tags"),
        }
    }

    /// An access token for a session.
    pub fn access(&self, user: UserId, session: SessionId, now: Timestamp) -> Result<Secret> {
        let iat = now.seconds();
        let exp = iat + i64::from(ACCESS_SECONDS);
        let claims = Claims { iss: ISSUER.into(), aud: ISSUER.into(), sub: user, sid: session, iat, exp, typ: "access".into() };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing);
        token.map(Secret::new).map_err(|error| {
            tracing::error!(%error, "access_token_not_made");
            Error::internal()
        })
    }

    /// Reads an access token. Fails with `not_signed_in`.
    pub fn read_access(&self, token: &Secret, now: Timestamp) -> Result<Claims> {
        let refused = |message: &str| Error::new(ErrorCode::NotSignedIn, message);
        let read = jsonwebtoken::decode::<Claims>(token.reveal(), &self.reading, &self.validation);
        let claims = read.map_err(|_| refused("the access token isn't one that this Pilothouse made; sign in"))?.claims;
        if claims.typ != "access" {
            return Err(refused("this token isn't an access token; sign in"));
        }
        if claims.exp <= now.seconds() {
            return Err(refused("the access token has expired; refresh it or sign in"));
        }
        Ok(claims)
    }

    /// The first refresh token of a session.
    pub fn first_refresh(&self, session: SessionId) -> RefreshToken {
        RefreshToken { session, generation: 0, secret: random() }
    }

    /// The one that follows; always the same.
    pub fn next_refresh(&self, token: &RefreshToken) -> RefreshToken {
        let secret = mac(&self.next_key, &[&token.bytes()]);
        RefreshToken { session: token.session, generation: token.generation + 1, secret }
    }

    /// The text of a refresh token.
    pub fn write_refresh(&self, token: &RefreshToken) -> Secret {
        let mut bytes = token.bytes().to_vec();
        bytes.extend_from_slice(&self.tag(token));
        Secret::new(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads a refresh token; none when Pilothouse didn't make it.
    pub fn read_refresh(&self, text: &Secret) -> Option<RefreshToken> {
        let text = text.reveal().strip_prefix(PREFIX).filter(|text| text.len() == 96)?;
        let bytes: [u8; 72] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let session = SessionId(Uuid::from_slice(&bytes[..16]).ok()?);
        let generation = i64::from_be_bytes(bytes[16..24].try_into().ok()?);
        let token = RefreshToken { session, generation, secret: bytes[24..56].try_into().ok()? };
        is_same(&bytes[56..], &self.tag(&token)).then_some(token)
    }

    /// A new API token, and what is stored of it.
    pub fn new_api_token(&self) -> (Secret, [u8; 32]) {
        let secret: [u8; 32] = random();
        let mut bytes = secret.to_vec();
        bytes.extend_from_slice(&mac(&self.api_key, &[&secret])[..16]);
        (Secret::new(format!("{}{}", ApiToken::PREFIX, BASE64_URL_SAFE_NO_PAD.encode(bytes))), Sha256::digest(secret).into())
    }

    /// What is stored of an API token; none when Pilothouse didn't make it.
    pub fn read_api_token(&self, text: &Secret) -> Option<[u8; 32]> {
        let text = text.reveal().strip_prefix(ApiToken::PREFIX).filter(|text| text.len() == 64)?;
        let bytes: [u8; 48] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (secret, tag) = bytes.split_at(32);
        is_same(tag, &mac(&self.api_key, &[secret])[..16]).then(|| Sha256::digest(secret).into())
    }

    fn tag(&self, token: &RefreshToken) -> [u8; 16] {
        let mut tag = [0; 16];
        tag.copy_from_slice(&mac(&self.tag_key, &[&token.bytes()])[..16]);
        tag
    }
}

impl RefreshToken {
    /// What is stored of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes()).into()
    }

    fn bytes(&self) -> [u8; 56] {
        let mut bytes = [0; 56];
        bytes[..16].copy_from_slice(self.session.0.as_bytes());
        bytes[16..24].copy_from_slice(&self.generation.to_be_bytes());
        bytes[24..].copy_from_slice(&self.secret);
        bytes
    }
}

/// Whether a bearer token wants to be an API token.
pub fn is_api_token(text: &Secret) -> bool {
    text.reveal().starts_with(ApiToken::PREFIX)
}

/// Compares in a time that doesn't depend on where they differ.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
}
