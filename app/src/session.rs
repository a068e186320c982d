//! The cookies that carry a sign-in between the browser and the server.

/// Carries the access token (a JWT).
pub const ACCESS_COOKIE: &str = "__Host-pilothouse-access";

/// Carries the refresh token.
pub const REFRESH_COOKIE: &str = "__Host-pilothouse-refresh";

/// Seconds that the browser keeps the refresh cookie; the server decides earlier whether the session has ended.
#[cfg(feature = "ssr")]
const REFRESH_SECONDS: u32 = 30 * 86_400;

/// The `Set-Cookie` values that sign a browser in: access token first, then refresh token.
#[cfg(feature = "ssr")]
pub fn set_cookies(tokens: &api::Tokens) -> [String; 2] {
    [
        set_cookie(ACCESS_COOKIE, tokens.access_token.reveal(), tokens.expires_in),
        set_cookie(REFRESH_COOKIE, tokens.refresh_token.reveal(), REFRESH_SECONDS),
    ]
}

/// The `Set-Cookie` values that make a browser forget its sign-in.
#[cfg(feature = "ssr")]
pub fn clear_cookies() -> [String; 2] {
    [set_cookie(ACCESS_COOKIE, "", 0), set_cookie(REFRESH_COOKIE, "", 0)]
}

/// The value of the first cookie of that name in a request.
#[cfg(feature = "ssr")]
pub fn cookie<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    let pairs =
        headers.get_all(http::header::COOKIE).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(feature = "ssr")]
fn set_cookie(name: &str, value: &str, max_age: u32) -> String {
    format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; Secure; SameSite=Lax")
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::{ACCESS_COOKIE, REFRESH_COOKIE, clear_cookies, cookie};

    #[test]
    fn a_cookie_is_found_among_others_and_by_its_whole_name() {
        let mut headers = http::HeaderMap::new();
        headers.append(http::header::COOKIE, http::HeaderValue::from_static("a=1; __Host-pilothouse-access-x=no"));
        headers.append(http::header::COOKIE, http::HeaderValue::from_static("__Host-pilothouse-access=a.b=c"));
        assert_eq!(cookie(&headers, ACCESS_COOKIE), Some("a.b=c"));
        assert_eq!(cookie(&headers, REFRESH_COOKIE), None);
    }

    #[test]
    fn every_cookie_is_out_of_reach_of_scripts_and_other_hosts() {
        for text in clear_cookies() {
            assert!(text.starts_with("__Host-") && text.ends_with("; HttpOnly; Secure; SameSite=Lax"), "{text}");
        }
    }
}
