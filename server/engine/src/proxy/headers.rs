//! What of a head is for the proxy alone, and what is put in its place.

use std::net::IpAddr;

use http::request;
use hyper::header::{CONNECTION, CONTENT_LENGTH, Entry, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, StatusCode, Uri, Version};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Why a request isn't passed on.
pub type Refusal = (StatusCode, &'static str);

/// Makes of the head of a request from `peer` the one that is passed on; answers whether it asks for another protocol.
///
/// # Errors
/// When it can't be passed on without changing what it means.
pub fn pass_request(head: &mut request::Parts, peer: IpAddr) -> Result<bool, Refusal> {
    if head.method == Method::CONNECT {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "this is no proxy to other servers"));
    }
    if is_coded(&head.headers) {
        return Err((StatusCode::NOT_IMPLEMENTED, "no transfer coding but chunked is understood"));
    }
    let authority = head.uri.authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    match authority {
        // An absolute target says which host is meant, whatever the header says (RFC 9112, 3.2.2).
        Some(Ok(host)) => drop(head.headers.insert(HOST, host)),
        Some(Err(_)) => return Err((StatusCode::BAD_REQUEST, "the target of the request can't be understood")),
        None => match head.headers.get_all(HOST).iter().count() {
            0 if head.version == Version::HTTP_10 => {}
            1 => {}
            _ => return Err((StatusCode::BAD_REQUEST, "a request has one Host header")),
        },
    }
    let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    head.uri = Uri::from(path);
    head.version = Version::HTTP_11;

    // Whoever speaks h2c behind the proxy would be spoken to past its counters.
    let asks = has_token(&head.headers, &CONNECTION, "upgrade");
    let upgrade = head.headers.get(UPGRADE).filter(|to| asks && !to.as_bytes().to_ascii_lowercase().starts_with(b"h2c")).cloned();
    let takes_trailers = has_token(&head.headers, &TE, "trailers");
    strip(&mut head.headers);
    if takes_trailers {
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
        head.headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    let is_upgrade = upgrade.is_some();
    if let Some(to) = upgrade {
        head.headers.insert(UPGRADE, to);
        head.headers.insert(CONNECTION, HeaderValue::from_static(if takes_trailers { "upgrade, te" } else { "upgrade" }));
    }
    forwarded(&mut head.headers, peer);
    Ok(is_upgrade)
}

/// Makes of the headers of an answer those that are passed on; `switches` when it is the one that begins another protocol.
///
/// # Errors
/// When it can't be passed on without changing what it means.
pub fn pass_response(headers: &mut HeaderMap, switches: bool) -> Result<(), Refusal> {
    if is_coded(headers) {
        return Err((StatusCode::BAD_GATEWAY, "it answers with a transfer coding that isn't understood"));
    }
    let upgrade = headers.get(UPGRADE).filter(|_| switches).cloned();
    strip(headers);
    if switches {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if let Some(to) = upgrade {
        headers.insert(UPGRADE, to);
    }
    Ok(())
}

/// Whether the body is coded in another way than in chunks, which hyper takes off and puts on.
fn is_coded(headers: &HeaderMap) -> bool {
    headers.get_all(TRANSFER_ENCODING).iter().any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| {
        let word = part.split(';').next().unwrap_or_default();
        word.trim().eq_ignore_ascii_case(token)
    })
}

/// Takes out what is for the next connection alone (RFC 9110, 7.6.1).
fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        let named: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse::<HeaderName>().ok()).collect();
        // What says where a request goes and where it ends isn't for a connection, whoever calls it so.
        for name in named.into_iter().filter(|name| ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)) {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    if headers.remove(TRANSFER_ENCODING).is_some() {
        // Of both, the length is the one that doesn't count; whoever is behind shall not have to know that.
        headers.remove(CONTENT_LENGTH);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, UPGRADE] {
        headers.remove(name);
    }
}

/// Says whom the request is from, after what others have said, and by what it came, unless others have said so.
fn forwarded(headers: &mut HeaderMap, peer: IpAddr) {
    let mut path: Vec<u8> = Vec::new();
    for before in headers.get_all(FORWARDED_FOR).iter().filter(|value| !value.is_empty()) {
        path.extend_from_slice(before.as_bytes());
        path.extend_from_slice(b", ");
    }
    path.extend_from_slice(peer.to_canonical().to_string().as_bytes());
    if let Ok(path) = HeaderValue::from_bytes(&path) {
        headers.insert(FORWARDED_FOR, path);
    }
    if let Entry::Vacant(proto) = headers.entry(FORWARDED_PROTO) {
        proto.insert(HeaderValue::from_static("http"));
    }
    if let (false, Some(host)) = (headers.contains_key(FORWARDED_HOST), headers.get(HOST).cloned()) {
        headers.insert(FORWARDED_HOST, host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(request: request::Builder) -> Result<(bool, request::Parts), Refusal> {
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        let is_upgrade = pass_request(&mut head, [127, 0, 0, 1].into())?;
        Ok((is_upgrade, head))
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines
    }

    #[test]
    fn what_is_for_one_connection_alone_is_taken_out_and_the_rest_is_left() {
        let request = request::Builder::new()
            .uri("/a%2Fb/../c?d=%20&e")
            .header("Host", "shop.example:8080")
            .header("Connection", "close, X-Private, Host")
            .header("Connection", "Content-Length")
            .header("X-Private", "1")
            .header("Keep-Alive", "timeout=5")
            .header("Proxy-Connection", "keep-alive")
            .header("TE", "deflate;q=0.5, trailers")
            .header("Transfer-Encoding", "chunked")
            .header("Content-Length", "5")
            .header("Upgrade", "websocket")
            .header("Cookie", "a=1")
            .header("X-Forwarded-For", "10.0.0.1")
            .header("X-Forwarded-For", "10.0.0.2, 10.0.0.3")
            .header("X-Forwarded-Proto", "https");
        let (is_upgrade, head) = passed(request).unwrap();
        assert!(!is_upgrade, "only with Connection: upgrade");
        assert_eq!(head.uri, "/a%2Fb/../c?d=%20&e");
        assert_eq!(
            lines(&head.headers),
            [
                "connection: te",
                "cookie: a=1",
                "host: shop.example:8080",
                "te: trailers",
                "x-forwarded-for: 10.0.0.1, 10.0.0.2, 10.0.0.3, 127.0.0.1",
                "x-forwarded-host: shop.example:8080",
                "x-forwarded-proto: https",
            ]
        );
    }

    #[test]
    fn another_protocol_is_asked_for_but_not_h2c() {
        let upgrade = |to: &str| {
            let request = request::Builder::new().uri("/ws").header("Host", "a").header("Connection", "keep-alive, Upgrade");
            let (is_upgrade, head) = passed(request.header("Upgrade", to)).unwrap();
            (is_upgrade, head.headers.get(UPGRADE).cloned(), head.headers.get(CONNECTION).cloned())
        };
        let value = |text| Some(HeaderValue::from_static(text));
        assert_eq!(upgrade("websocket"), (true, value("websocket"), value("upgrade")));
        assert_eq!(upgrade("H2C"), (false, None, None));
    }

    #[test]
    fn an_absolute_target_says_the_host_and_becomes_a_path() {
        let request = request::Builder::new().uri("http://shop.example:81/a?b").header("Host", "other");
        let (_, head) = passed(request).unwrap();
        assert_eq!((head.uri.to_string().as_str(), head.headers[HOST].to_str().unwrap()), ("/a?b", "shop.example:81"));
        let (_, head) = passed(request::Builder::new().uri("http://shop.example")).unwrap();
        assert_eq!(head.uri, "/");
        let (_, head) = passed(request::Builder::new().method("OPTIONS").uri("*").header("Host", "a")).unwrap();
        assert_eq!(head.uri, "*");
    }

    #[test]
    fn what_could_be_understood_in_two_ways_is_refused() {
        let refused = |request: request::Builder| passed(request).unwrap_err().0;
        let get = || request::Builder::new().uri("/");
        assert_eq!(refused(get()), StatusCode::BAD_REQUEST, "without a host");
        assert!(passed(get().version(Version::HTTP_10)).is_ok(), "which HTTP/1.0 doesn't have");
        assert_eq!(refused(get().header("Host", "a").header("Host", "b")), StatusCode::BAD_REQUEST);
        assert_eq!(refused(get().header("Host", "a").header("Transfer-Encoding", "gzip, chunked")), StatusCode::NOT_IMPLEMENTED);
        assert_eq!(refused(get().method("CONNECT").uri("a:443")), StatusCode::METHOD_NOT_ALLOWED);
        let mut headers = HeaderMap::new();
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("gzip, chunked"));
        assert_eq!(pass_response(&mut headers, false).unwrap_err().0, StatusCode::BAD_GATEWAY);
    }

    #[test]
    fn an_answer_keeps_what_it_upgrades_to_only_when_it_does() {
        let answer = |switches| {
            let named = [("connection", "Upgrade, x-own"), ("upgrade", "websocket"), ("x-own", "1"), ("etag", "1"), ("keep-alive", "5")];
            let mut headers: HeaderMap =
                named.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).into_iter().collect();
            pass_response(&mut headers, switches).unwrap();
            lines(&headers)
        };
        assert_eq!(answer(true), ["connection: upgrade", "etag: 1", "upgrade: websocket"]);
        assert_eq!(answer(false), ["etag: 1"]);
    }
}
