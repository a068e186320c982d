//! The names that this Pilothouse answers to: a page of another name that was rebound to its address gets nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use api::ErrorCode;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::{Authority, Uri};
use http::{HeaderMap, header};

use crate::error::Failure;
use crate::state::Server;

/// The host names and origins of this Pilothouse.
#[derive(Clone, Debug)]
pub struct Names {
    hosts: Vec<String>,
    origins: Vec<String>,
    is_https: bool,
}

impl Names {
    /// Those of a listen address and of the address that people use, when it is another.
    pub fn new(listen: SocketAddr, public_url: Option<&str>) -> Self {
        let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
        match listen.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => hosts.push(ip.to_string()),
            IpAddr::V6(ip) if !ip.is_unspecified() => hosts.push(format!("[{ip}]")),
            _ => {}
        }
        let mut origins: Vec<String> = hosts.iter().map(|host| format!("http://{host}:{}", listen.port())).collect();
        let public: Option<Uri> = public_url.and_then(|url| url.parse().ok());
        if let Some((scheme, authority)) = public.as_ref().and_then(|url| Some((url.scheme_str()?, url.authority()?))) {
            origins.push(format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()));
            hosts.push(authority.host().to_ascii_lowercase());
        }
        let is_loopback = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let is_https = public.is_some_and(|url| url.scheme_str() == Some("https") && !url.host().is_some_and(is_loopback));
        Self { hosts, origins, is_https }
    }

    /// Whether people reach it over HTTPS by a name that isn't a loopback one.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether `Origin` is one of Pilothouse's own pages: a configured one, or that of the host that the request was sent to.
    pub fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = text(headers, header::ORIGIN) else { return false };
        let origin = origin.to_ascii_lowercase();
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        let host = text(headers, header::HOST).map(str::to_ascii_lowercase);
        self.origins.contains(&origin) || (authority.is_some() && authority == host.as_deref())
    }

    fn has(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host().to_ascii_lowercase();
        !authority.as_str().contains('@') && self.hosts.contains(&host)
    }
}

pub async fn check(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let in_line = request.uri().authority().map(Authority::as_str);
    let named = in_line.or_else(|| text(request.headers(), header::HOST));
    if named.is_some_and(|authority| server.names.has(authority)) && request.headers().get_all(header::HOST).iter().count() < 2 {
        return next.run(request).await;
    }
    let message =
        "this Pilothouse doesn't answer to that host name; open it by localhost, or set PILOTHOUSE_PUBLIC_URL to the address that you use";
    Failure::new(ErrorCode::MisdirectedRequest, message).into_response()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::Names;

    fn names() -> Names {
        Names::new("127.0.0.1:7700".parse().expect("an address"), Some("https://pilot.example"))
    }

    fn is_own(origin: &'static str, host: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers.insert(header::HOST, HeaderValue::from_static(host));
        names().is_own_origin(&headers)
    }

    #[test]
    fn only_loopback_names_and_the_public_one_are_answered() {
        for host in ["localhost:7700", "LOCALHOST", "127.0.0.1:1", "[::1]:7700", "pilot.example"] {
            assert!(names().has(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7700", "evil@localhost", "192.168.1.1", "a b"] {
            assert!(!names().has(host), "{host}");
        }
    }

    #[test]
    fn a_page_on_another_port_of_the_same_host_is_foreign() {
        assert!(is_own("http://127.0.0.1:7700", "127.0.0.1:7700"));
        assert!(is_own("http://localhost:8080", "localhost:8080"));
        assert!(is_own("https://pilot.example", "localhost:7700"));
        assert!(!is_own("http://127.0.0.1:8001", "127.0.0.1:7700"));
        assert!(!is_own("https://evil.example", "127.0.0.1:7700"));
        assert!(!is_own("null", "127.0.0.1:7700"));
    }
}
