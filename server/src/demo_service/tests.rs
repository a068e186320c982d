use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::openapi;
use super::shop::{Answer, Shop};

async fn ask(shop: &Shop, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let Answer { status, body, .. } = shop.answer(method, path, body.to_string().as_bytes(), peer).await;
    (status.as_u16(), serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into()))
}

#[tokio::test(start_paused = true)]
async fn an_order_is_taken_found_and_counted() {
    let shop = Shop::new();
    let (status, order) = ask(&shop, "POST", "/orders", &json!({ "item": "lamp", "quantity": 2 })).await;
    assert_eq!((status, &order["id"]), (201, &json!(21)));
    assert_eq!(ask(&shop, "GET", "/orders/21", &Value::Null).await, (200, order));
    for (wrong, what) in [(json!({ "item": "yacht", "quantity": 1 }), "item"), (json!({ "item": "lamp", "quantity": 0 }), "quantity")] {
        let (status, body) = ask(&shop, "POST", "/orders", &wrong).await;
        assert!(status == 422 && body["detail"].as_str().is_some_and(|detail| detail.starts_with(what)), "{body}");
    }
    assert_eq!(ask(&shop, "GET", "/orders/x", &Value::Null).await.0, 404);
    assert_eq!(ask(&shop, "DELETE", "/orders", &Value::Null).await.0, 405);
    let (_, text) = ask(&shop, "GET", "/metrics", &Value::Null).await;
    let text = text.as_str().expect("text");
    for line in [
        "http_requests_total{handler=\"/orders\",method=\"POST\",status=\"201\"} 1",
        "http_requests_total{handler=\"/orders\",method=\"POST\",status=\"422\"} 2",
        "http_request_duration_seconds_bucket{handler=\"/orders/{id}\",method=\"GET\",le=\"+Inf\"} 2",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_misbehaves_as_told_and_stops_when_told() {
    let shop = Shop::new();
    assert_eq!(ask(&shop, "GET", "/health", &Value::Null).await.0, 200);
    assert_eq!(ask(&shop, "POST", "/misbehave", &json!({ "mode": "unhealthy" })).await, (202, json!({ "mode": "unhealthy" })));
    assert_eq!(ask(&shop, "GET", "/health", &Value::Null).await.0, 503);
    ask(&shop, "POST", "/misbehave", &json!({ "mode": "errors" })).await;
    let mut failures = 0;
    for _ in 0..100 {
        failures += u32::from(ask(&shop, "GET", "/", &Value::Null).await.0 == 500);
    }
    assert!((20..=80).contains(&failures), "{failures}");
    ask(&shop, "POST", "/misbehave", &json!({ "mode": "slow" })).await;
    let began = tokio::time::Instant::now();
    ask(&shop, "GET", "/orders", &Value::Null).await;
    assert!(began.elapsed().as_millis() >= 800);
    assert_eq!(ask(&shop, "POST", "/misbehave", &json!({ "mode": "wild" })).await.0, 422);
    ask(&shop, "POST", "/misbehave", &json!({ "mode": "none" })).await;
    assert_eq!(ask(&shop, "GET", "/", &Value::Null).await.1["misbehaves"], "none");
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = openapi::document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 8);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    assert_eq!(document["openapi"], "3.1.0");
}
