//! Reading requests: every way in which one can be wrong ends in the one error body, with the field at fault.

use std::str::FromStr;
use std::time::Duration;

use api::{DeployHook, Detail, Error, ErrorCode};
use app::path::RESTORE;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::error::Failure;
use crate::upload;

/// The largest body that is read, in bytes, but for calls of webhooks and backups.
pub const BODY_LIMIT: usize = 1 << 20;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

/// A JSON body that may be left out: then it is what nothing says.
#[derive(Clone, Copy, Debug)]
pub struct MaybeBody<T>(pub T);

/// The query parameters. An empty value counts as absent.
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

/// The id in the path; one that can't exist is `not_found`.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

/// The last id in the path; one that can't exist is `not_found`.
#[derive(Clone, Copy, Debug)]
pub struct LastId<T>(pub T);

/// The number that the path ends with; anything else there is `not_found`.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub u64);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        require_json(request.headers())?;
        let bytes = read(request).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let json = require_json(request.headers());
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        json?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Ok(Self(parse_query(parts.uri.query().unwrap_or_default())?))
    }
}

impl<S: Send + Sync, T: FromStr<Err = Error>> FromRequestParts<S> for Id<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let absent = || Failure(Error::not_found("thing", parts.uri.path()));
        let params = RawPathParams::from_request_parts(&mut parts.clone(), state).await.map_err(|_| absent())?;
        let (_, text) = params.iter().next().ok_or_else(absent)?;
        Ok(Self(text.parse()?))
    }
}

impl<S: Send + Sync, T: FromStr<Err = Error>> FromRequestParts<S> for LastId<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let absent = || Failure(Error::not_found("thing", parts.uri.path()));
        let params = RawPathParams::from_request_parts(&mut parts.clone(), state).await.map_err(|_| absent())?;
        let (_, text) = params.iter().last().ok_or_else(absent)?;
        Ok(Self(text.parse()?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Number {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let absent = || Failure(Error::not_found("thing", parts.uri.path()));
        let params = RawPathParams::from_request_parts(&mut parts.clone(), state).await.map_err(|_| absent())?;
        let (_, text) = params.iter().last().ok_or_else(absent)?;
        Ok(Self(text.parse().map_err(|_| absent())?))
    }
}

/// The most bytes of a body that is sent to this path.
pub fn limit_of(path: &str) -> usize {
    match path {
        "/api/config/restore" | RESTORE => upload::LIMIT,
        path if path.starts_with("/api/deploy/hooks/") => DeployHook::BODY,
        _ => BODY_LIMIT,
    }
}

/// The whole body, at most [`BODY_LIMIT`] long.
pub async fn read(request: Request) -> Result<Bytes, Failure> {
    read_up_to(request, BODY_LIMIT).await
}

/// The whole body, at most so many bytes long.
pub async fn read_up_to(request: Request, limit: usize) -> Result<Bytes, Failure> {
    let too_large = || Failure::new(ErrorCode::PayloadTooLarge, format!("the body is larger than {limit} bytes; send less"));
    let body = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if is_length_limit(&*error) => Err(too_large()),
        Ok(Err(_)) => Err(Failure::new(ErrorCode::MalformedRequest, "the body ended before it was complete")),
        Err(_) => Err(Failure::new(ErrorCode::MalformedRequest, "the body did not arrive within 30 seconds")),
    }
}

/// Reads a JSON document; a wrong field is named by its JSON Pointer.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> api::Result<T> {
    if bytes.is_empty() {
        return Err(Error::new(ErrorCode::MalformedRequest, "the body is empty; send a JSON document"));
    }
    refuse_nul(bytes)?;
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        // Serde would take the fields of an object in order.
        return Err(Error::invalid("", "the body is an array; send an object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| fault(error.path(), error.inner()))?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn parse_query<T: DeserializeOwned>(query: &str) -> api::Result<T> {
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()).collect();
    if let Some((name, _)) = pairs.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(Error::invalid(clean(name), "a NUL character can't be part of a parameter"));
    }
    let kept = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let query = serde_urlencoded::Deserializer::new(form_urlencoded::parse(kept.as_bytes()));
    serde_path_to_error::deserialize(query).map_err(|error| {
        let message = clean(&error.inner().to_string());
        let field = named(&message).unwrap_or_else(|| clean(&error.path().to_string()));
        Error::invalid(field.clone(), format!("{field}: {message}"))
    })
}

/// Fails with `unsupported_media_type` unless the body calls itself JSON.
pub fn require_json(headers: &HeaderMap) -> Result<(), Failure> {
    let message = "this operation takes JSON: send it with 'Content-Type: application/json'";
    if is_json(headers) { Ok(()) } else { Err(Failure::new(ErrorCode::UnsupportedMediaType, message)) }
}

/// JSON, also as `application/problem+json` and the like.
fn is_json(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn is_length_limit(mut error: &(dyn std::error::Error + 'static)) -> bool {
    loop {
        if error.is::<LengthLimitError>() {
            return true;
        }
        let Some(source) = error.source() else { return false };
        error = source;
    }
}

/// No text of ours has a NUL character, and PostgreSQL can't keep one.
fn refuse_nul(bytes: &[u8]) -> api::Result<()> {
    if !bytes.windows(6).any(|window| window.eq_ignore_ascii_case(br"\u0000")) {
        return Ok(());
    }
    let Ok(value) = serde_json::from_slice(bytes) else { return Ok(()) };
    match nul_in(&value, String::new()) {
        Some(field) => Err(Error::invalid(field, "a NUL character can't be part of a text")),
        None => Ok(()),
    }
}

fn nul_in(value: &serde_json::Value, at: String) -> Option<String> {
    match value {
        serde_json::Value::String(text) => text.contains('\0').then_some(at),
        serde_json::Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| nul_in(item, format!("{at}/{index}"))),
        serde_json::Value::Object(fields) => fields
            .iter()
            .find_map(|(name, field)| if name.contains('\0') { Some(at.clone()) } else { nul_in(field, format!("{at}/{}", escape(name))) }),
        _ => None,
    }
}

fn fault(path: &serde_path_to_error::Path, error: &serde_json::Error) -> Error {
    if !error.is_data() {
        return malformed(error);
    }
    let message = clean(&error.to_string());
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    if let Some(name) = named(&message).map(|name| escape(&name))
        && pointer.rsplit('/').next() != Some(name.as_str())
    {
        pointer.push_str(&format!("/{name}"));
    }
    let detail = Detail { field: pointer.chars().take(300).collect(), message: message.clone() };
    Error { details: vec![detail], ..Error::new(ErrorCode::ValidationFailed, message) }
}

fn malformed(error: &serde_json::Error) -> Error {
    Error::new(ErrorCode::MalformedRequest, format!("the body is not valid JSON: {}", clean_keeping_place(&error.to_string())))
}

/// The field that serde's message is about when it is missing, unknown or twice there.
fn named(message: &str) -> Option<String> {
    let rest = ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|start| message.strip_prefix(start))?;
    rest.split('`').next().map(str::to_owned)
}

/// A message for people: without the place in the text, and short whatever the client sent.
fn clean(message: &str) -> String {
    clean_keeping_place(message.split(" at line ").next().unwrap_or_default())
}

fn clean_keeping_place(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// `name` as one part of a JSON Pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use api::{Credentials, ErrorCode, NewService, ServiceQuery};

    use super::{parse, parse_query};

    fn field_of<T: serde::de::DeserializeOwned>(body: &str) -> (ErrorCode, String) {
        let Err(error) = parse::<T>(body.as_bytes()) else { panic!("{body} was accepted") };
        (error.code, error.details.first().map(|detail| detail.field.clone()).unwrap_or_default())
    }

    #[test]
    fn the_field_at_fault_is_named_by_its_json_pointer() {
        let invalid = |field: &str| (ErrorCode::ValidationFailed, field.to_owned());
        assert_eq!(field_of::<Credentials>("{}"), invalid("/username"));
        assert_eq!(field_of::<Credentials>(r#"{"username":1}"#), invalid("/username"));
        assert_eq!(field_of::<Credentials>(r#"{"username":"a","password":"b","more":1}"#), invalid("/more"));
        assert_eq!(field_of::<Credentials>(r#"{"username":"a\u0000","password":"b"}"#), invalid("/username"));
        let health = r#"{"name":"a","source":{"folder":"/a"},"health":{"interval_seconds":-1}}"#;
        assert_eq!(field_of::<NewService>(health), invalid("/health/interval_seconds"));
        assert_eq!(field_of::<NewService>(r#"{"name":"a","source":7}"#), invalid("/source"));
        assert_eq!(field_of::<Credentials>(r#" ["admin", "a password"]"#), invalid(""));
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "nope", r#"{"username":"a","password":"b"} x"#, "\u{0}"] {
            assert_eq!(field_of::<Credentials>(body).0, ErrorCode::MalformedRequest, "{body}");
        }
    }

    #[test]
    fn a_wrong_parameter_is_named_and_an_empty_one_is_absent() {
        let Err(error) = parse_query::<ServiceQuery>("limit=0") else { panic!("0 was accepted") };
        assert_eq!(error.details[0].field, "limit");
        let query: ServiceQuery = parse_query("q=a%20b&status=&limit=7").expect("it is right");
        assert_eq!((query.q.as_deref(), query.status, query.limit.get()), (Some("a b"), None, 7));
    }
}
