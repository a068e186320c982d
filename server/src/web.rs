//! The site's files, embedded in the binary: bundle, style, fonts, icons. Debug builds read them from `dist/`.

use api::{Error, ErrorCode};
use app::context::Assets;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rust_embed::RustEmbed;

use crate::error::Failure;

/// What `cargo xtask site` built, with `.br` and `.gz` beside the files that they are smaller than.
#[derive(RustEmbed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Dist;

/// The addresses that the build wrote into `site.json`; empty when the site has not been built.
pub fn assets() -> Assets {
    Dist::get("site.json").and_then(|file| serde_json::from_slice(&file.data).ok()).unwrap_or_default()
}

/// The file at `path`, or none when there is none.
pub fn file(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.strip_prefix('/').filter(|name| !name.is_empty() && *name != "site.json" && !is_variant(name))?;
    let plain = Dist::get(name)?;
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Some(Failure(Error::new(ErrorCode::MethodNotAllowed, "a file can only be read: use GET")).into_response());
    }
    let (file, encoding) = variant(name, headers).map_or((plain, None), |(file, encoding)| (file, Some(encoding)));
    let tag: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let is_known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(&tag));
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { Body::from(file.data).into_response() };
    let caching = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, media_type(name));
    set(header::CACHE_CONTROL, caching);
    set(header::ETAG, &tag);
    set(header::VARY, "accept-encoding");
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    Some(response)
}

/// The smallest form of a file that the client takes.
fn variant(name: &str, headers: &HeaderMap) -> Option<(rust_embed::EmbeddedFile, &'static str)> {
    let found = |encoding: &'static str, ending: &str| {
        let file = takes(headers, encoding).then(|| Dist::get(&format!("{name}{ending}"))).flatten();
        file.map(|file| (file, encoding))
    };
    found("br", ".br").or_else(|| found("gzip", ".gz"))
}

/// Whether the client takes that encoding.
pub fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').map(str::trim).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next() == Some(encoding) && !parts.any(|part| part == "q=0" || part == "q=0.0")
    })
}

fn is_variant(name: &str) -> bool {
    name.ends_with(".br") || name.ends_with(".gz")
}

/// Whether the name changes with the content: a hash in it, or a version in the name of a font.
fn is_hashed(name: &str) -> bool {
    let has_hash = name.split(['/', '-', '.', '_']).any(|part| part.len() >= 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit()));
    has_hash || name.starts_with("fonts/")
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "html" => "text/html; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::{is_hashed, is_variant};

    #[test]
    fn only_names_that_change_with_the_content_are_kept_for_ever() {
        assert!(is_hashed("app-0123456789abcdef/frontend_bg.wasm") && is_hashed("fonts/inter-latin-5.2.woff2"));
        assert!(!is_hashed("favicon.svg") && !is_hashed("frontend.js"));
        assert!(is_variant("main.css.br") && !is_variant("main.css"));
    }
}
