//! The service's OpenAPI document.

use serde_json::{Value, json};

use super::misbehaviour::Mode;
use super::orders::ITEMS;

/// OpenAPI 3.1.
pub(super) fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Demonstration",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A small shop that Pilothouse brings along to be watched.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "paths": {
            "/": { "get": operation("Says what this is", "overview", None, &[("200", "What it is.", json!({ "type": "object" }))]) },
            "/health": { "get": operation("Says whether it is well", "health", None, &[
                ("200", "It is well.", json!({ "type": "object" })),
                ("503", "It was told to be unwell.", json!({ "type": "object" })),
            ]) },
            "/orders": {
                "get": operation("Lists the newest orders", "list_orders", None, &[("200", "The newest twenty.", reference("Orders"))]),
                "post": operation("Takes an order", "create_order", Some(reference("NewOrder")), &[
                    ("201", "The order.", reference("Order")),
                    ("422", "What is wrong with it.", reference("Failure")),
                ]),
            },
            "/orders/{id}": {
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer", "minimum": 1 } }],
                "get": operation("Shows an order", "get_order", None, &[
                    ("200", "The order.", reference("Order")),
                    ("404", "There is no such order.", reference("Failure")),
                ]),
            },
            "/misbehave": {
                "get": operation("Says how it misbehaves", "get_misbehaviour", None, &[("200", "How.", reference("Misbehaviour"))]),
                "post": operation("Makes it misbehave", "misbehave", Some(reference("Misbehaviour")), &[
                    ("202", "It will.", reference("Misbehaviour")),
                    ("422", "There is no such way.", reference("Failure")),
                ]),
            },
        },
        "components": { "schemas": {
            "Order": object(json!({ "id": { "type": "integer" }, "item": item(), "quantity": quantity() }), &["id", "item", "quantity"]),
            "NewOrder": object(json!({ "item": item(), "quantity": quantity() }), &["item", "quantity"]),
            "Orders": object(json!({ "items": { "type": "array", "items": reference("Order") }, "total": { "type": "integer" } }), &["items", "total"]),
            "Misbehaviour": object(json!({ "mode": { "type": "string", "enum": Mode::ALL.map(Mode::as_str) } }), &["mode"]),
            "Failure": object(json!({ "detail": { "type": "string" } }), &["detail"]),
        } }
    })
}

fn operation(summary: &str, id: &str, body: Option<Value>, responses: &[(&str, &str, Value)]) -> Value {
    let responses: serde_json::Map<_, _> = responses
        .iter()
        .map(|(status, what, schema)| ((*status).to_owned(), json!({ "description": what, "content": content(schema) })))
        .collect();
    let mut operation = json!({ "summary": summary, "operationId": id, "responses": responses });
    if let Some(schema) = body {
        operation["requestBody"] = json!({ "required": true, "content": content(&schema) });
    }
    operation
}

fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn item() -> Value {
    json!({ "type": "string", "enum": ITEMS })
}

fn quantity() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 100 })
}
