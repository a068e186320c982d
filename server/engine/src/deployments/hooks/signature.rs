//! Whether a call of a webhook comes from somebody who has its secret, told over its bytes as they came and in constant time.

use api::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Heard;

/// Seconds that the time of a plain call may be off.
const SECONDS_OFF: f64 = 300.0;

/// Headers with an HMAC-SHA256 over the body: of GitHub, of Gitea, of Forgejo. The latter two send several, and all of them have to be right.
const OF_BODY: [(&str, &str); 3] = [("x-hub-signature-256", "sha256="), ("x-gitea-signature", ""), ("x-forgejo-signature", "")];
const TOKEN: &str = "x-gitlab-token";
const PLAIN: &str = "x-pilothouse-signature";
const PLAIN_TIME: &str = "x-pilothouse-timestamp";

/// By whose rules a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// GitHub, Gitea or Forgejo, whose bodies are alike.
    Git,
    /// GitLab.
    GitLab,
    /// A program of one's own.
    Plain,
}

/// Who calls, when they have the secret; none when a signature is wrong, missing, there twice, or there are those of different senders.
pub fn sender(heard: &Heard<'_>, secret: &str, now: Timestamp) -> Option<Sender> {
    let of_body = OF_BODY.iter().any(|(name, _)| heard.has(name));
    match (of_body, heard.has(TOKEN), heard.has(PLAIN)) {
        (true, false, false) => OF_BODY
            .iter()
            .filter(|(name, _)| heard.has(name))
            .all(|(name, start)| heard.header(name).is_some_and(|text| is_signed(text, start, secret, &[heard.body])))
            .then_some(Sender::Git),
        (false, true, false) => heard.header(TOKEN).filter(|token| is_same(token, secret)).map(|_| Sender::GitLab),
        (false, false, true) => {
            let time = heard.header(PLAIN_TIME).filter(|text| text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit()))?;
            let signed = heard.header(PLAIN).is_some_and(|text| is_signed(text, "sha256=", secret, &[time.as_bytes(), b".", heard.body]));
            let at = Timestamp::from_micros(time.parse::<i64>().ok()?.saturating_mul(1_000_000));
            (signed && now.seconds_since(at).abs() <= SECONDS_OFF).then_some(Sender::Plain)
        }
        _ => None,
    }
}

/// What names a delivery, so that a second one is known: the id that its sender gives it, and what was signed, because that id isn't.
pub fn names(sender: Sender, heard: &Heard<'_>) -> Vec<String> {
    let id = |names: &[&str]| names.iter().find_map(|name| heard.header(name)).map(|id| format!("id:{}", digest(id.as_bytes())));
    let body = || format!("body:{}", digest(heard.body));
    match sender {
        Sender::Git => id(&["x-github-delivery", "x-gitea-delivery", "x-forgejo-delivery"]).into_iter().chain([body()]).collect(),
        // Nothing of GitLab is signed, and pushes to and fro have the same body.
        Sender::GitLab => vec![id(&["idempotency-key", "x-gitlab-event-uuid"]).unwrap_or_else(body)],
        Sender::Plain => heard.header(PLAIN).map(|text| format!("signature:{}", text.to_ascii_lowercase())).into_iter().collect(),
    }
}

fn is_signed(text: &str, start: &str, secret: &str, parts: &[&[u8]]) -> bool {
    let Some(signature) = text.strip_prefix(start).and_then(bytes) else { return false };
    keyed(secret, parts).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
}

/// Whether two texts are the same, told in a time that says nothing of where they differ.
fn is_same(one: &str, other: &str) -> bool {
    let Some(mac) = keyed(other, &[one.as_bytes()]) else { return false };
    let Some(expected) = keyed(other, &[other.as_bytes()]) else { return false };
    mac.verify_slice(&expected.finalize().into_bytes()).is_ok()
}

fn keyed(secret: &str, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac)
}

/// The 32 bytes of 64 hexadecimal digits.
fn bytes(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use api::{HookCall, Timestamp};
    use hmac::Mac;

    use super::{Sender, hex, keyed, names, sender};
    use crate::deployments::hooks::Heard;

    pub const SECRET: &str = "2f1c9d0b7a3e5f80112233445566778899aabbccddeeff00112233445566778a";

    /// Headers of a call by name.
    pub type Headers<'a> = Vec<(&'a str, &'a str)>;

    /// The signature of these bytes, as hexadecimal digits.
    pub fn signed(secret: &str, parts: &[&[u8]]) -> String {
        hex(&keyed(secret, parts).expect("a key").finalize().into_bytes())
    }

    pub fn call(headers: &[(&str, &str)], body: &[u8]) -> HookCall {
        HookCall { headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(), body: body.to_vec() }
    }

    #[test]
    fn only_who_has_the_secret_is_known_and_nobody_by_two_names() {
        let (now, body) = (Timestamp::from_micros(1_795_439_047_000_000), b"{\"a\": 1}".as_slice());
        let right = signed(SECRET, &[body]);
        let (hub, upper) = (format!("sha256={right}"), format!("sha256={}", right.to_uppercase()));
        let wrong = format!("sha256={}", signed("another", &[body]));
        let other_body = signed(SECRET, &[b"{\"a\": 2}"]);
        let time = |off: i64| (1_795_439_047 + off).to_string();
        let plain = |off: i64| format!("sha256={}", signed(SECRET, &[time(off).as_bytes(), b".", body]));
        let (now_text, plain_now) = (time(0), plain(0));
        let (edge, plain_edge, late, plain_late, early, plain_early) =
            (time(-300), plain(-300), time(-301), plain(-301), time(301), plain(301));
        let (cut, padded) = (&hub[..hub.len() - 2], format!(" {hub}"));
        let table: Vec<(Headers<'_>, Option<Sender>)> = vec![
            (vec![("x-hub-signature-256", &hub)], Some(Sender::Git)),
            (vec![("x-hub-signature-256", &upper)], Some(Sender::Git)),
            (vec![("x-gitea-signature", &right)], Some(Sender::Git)),
            (vec![("x-forgejo-signature", &right), ("x-gitea-signature", &right), ("x-hub-signature-256", &hub)], Some(Sender::Git)),
            (vec![("x-gitlab-token", SECRET)], Some(Sender::GitLab)),
            (vec![("x-pilothouse-signature", &plain_now), ("x-pilothouse-timestamp", &now_text)], Some(Sender::Plain)),
            (vec![("x-pilothouse-signature", &plain_edge), ("x-pilothouse-timestamp", &edge)], Some(Sender::Plain)),
            (vec![], None),
            (vec![("x-hub-signature-256", &wrong)], None),
            (vec![("x-hub-signature-256", &right)], None),
            (vec![("x-hub-signature-256", cut)], None),
            (vec![("x-hub-signature-256", &padded)], None),
            (vec![("x-hub-signature-256", "sha256=")], None),
            (vec![("x-hub-signature", &hub)], None),
            (vec![("x-hub-signature-256", &hub), ("x-hub-signature-256", &hub)], None),
            (vec![("x-gitea-signature", &other_body)], None),
            (vec![("x-gitea-signature", &right), ("x-hub-signature-256", &wrong)], None),
            (vec![("x-gitlab-token", "")], None),
            (vec![("x-gitlab-token", &SECRET[1..])], None),
            (vec![("x-gitlab-token", SECRET), ("x-hub-signature-256", &hub)], None),
            (vec![("x-gitlab-token", SECRET), ("x-gitlab-token", SECRET)], None),
            (vec![("x-pilothouse-signature", &plain_now)], None),
            (vec![("x-pilothouse-signature", &plain_now), ("x-pilothouse-timestamp", &edge)], None),
            (vec![("x-pilothouse-signature", &plain_now), ("x-pilothouse-timestamp", "soon")], None),
            (vec![("x-pilothouse-signature", &hub), ("x-pilothouse-timestamp", &now_text)], None),
            (vec![("x-pilothouse-signature", &plain_late), ("x-pilothouse-timestamp", &late)], None),
            (vec![("x-pilothouse-signature", &plain_early), ("x-pilothouse-timestamp", &early)], None),
            (vec![("x-pilothouse-signature", &plain_now), ("x-pilothouse-timestamp", &now_text), ("x-hub-signature-256", &hub)], None),
        ];
        for (headers, expected) in table {
            let call = call(&headers, body);
            assert_eq!(sender(&Heard::of(&call), SECRET, now), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_delivery_is_named_by_its_id_and_by_what_was_signed() {
        let name = |sender, headers: &[(&str, &str)], body: &[u8]| names(sender, &Heard::of(&call(headers, body)));
        let first = name(Sender::Git, &[("x-github-delivery", "1")], b"a");
        assert_eq!(first.len(), 2);
        assert_eq!(name(Sender::Git, &[("x-github-delivery", "2")], b"a")[1], first[1]);
        assert_eq!(name(Sender::Git, &[("x-gitea-delivery", "1")], b"b")[0], first[0]);
        assert_eq!(name(Sender::GitLab, &[("x-gitlab-event-uuid", "1")], b"a"), name(Sender::GitLab, &[("idempotency-key", "1")], b"b"));
        assert_eq!(name(Sender::Plain, &[("x-pilothouse-signature", "sha256=AB")], b"a"), ["signature:sha256=ab"]);
    }
}
