//! `/api/docs`: the OpenAPI document as a page for people, without scripts, in the look of the app.

use std::fmt::Write;

use api::Permission;
use serde_json::Value;

/// What the page may load: our own style, fonts and icons.
pub const POLICY: &str =
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page for a document, linked to the app's style sheet when there is one.
pub fn page(document: &[u8], style: &str) -> String {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    let link = if style.is_empty() { String::new() } else { format!("<link rel=\"stylesheet\" href=\"{}\">", escape(style)) };
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"dark light\"><title>API · Pilothouse</title><link rel=\"icon\" href=\"/favicon.svg\">{link}</head>\
         <body class=\"api-docs\"><header class=\"api-docs-header\"><a href=\"/\">Pilothouse</a><h1>API</h1><p>{}</p>\
         <p><a href=\"/api/openapi.json\">OpenAPI document</a></p></header>",
        prose(text(&document["info"]["description"]))
    );
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    html.push_str("<nav class=\"api-docs-nav\" aria-label=\"Groups of operations\"><ul>");
    for tag in &tags {
        let name = text(&tag["name"]);
        let _ = write!(html, "<li><a href=\"#{}\">{}</a></li>", anchor(name), escape(name));
    }
    html.push_str("</ul></nav><main>");
    for tag in &tags {
        group(&mut html, &document, text(&tag["name"]), text(&tag["description"]));
    }
    html.push_str("<section class=\"api-docs-group\"><h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = write!(html, "<details id=\"schema-{0}\"><summary><code>{0}</code></summary>", escape(name));
        paragraph(&mut html, text(&schema["description"]));
        properties(&mut html, schema);
        html.push_str("</details>");
    }
    html.push_str("</section></main></body></html>");
    html
}

fn group(html: &mut String, document: &Value, tag: &str, about: &str) {
    let _ = write!(html, "<section class=\"api-docs-group\"><h2 id=\"{}\">{}</h2>", anchor(tag), escape(tag));
    paragraph(html, about);
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let operation = &item[method];
            if operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|one| text(one) == tag)) {
                self::operation(html, method, path, operation);
            }
        }
    }
    html.push_str("</section>");
}

/// Which scopes of API tokens carry a permission, to be read after it.
fn scopes(permission: &str) -> String {
    let Some(permission) = Permission::ALL.iter().find(|one| one.as_str() == permission) else { return String::new() };
    let scopes: Vec<_> = permission.scopes().iter().map(|scope| format!("<code>{}</code>", scope.as_str())).collect();
    if scopes.is_empty() { ", which no API token has".into() } else { format!(", of API tokens in {}", scopes.join(", ")) }
}

fn operation(html: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        html,
        "<details class=\"api-docs-operation\"><summary><b data-method=\"{method}\">{}</b> <code>{}</code> {}</summary>",
        method.to_uppercase(),
        escape(path),
        escape(text(&operation["summary"]))
    );
    paragraph(html, text(&operation["description"]));
    let permission = text(&operation["x-permission"]);
    let _ = write!(html, "<p>Permission: <code>{}</code>{}</p>", escape(permission), scopes(permission));
    let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        html.push_str(
            "<table><caption>Parameters</caption><thead><tr><th>Name</th><th>In</th><th>Type</th><th>Meaning</th></tr></thead><tbody>",
        );
        for parameter in parameters {
            let (name, place) = (escape(text(&parameter["name"])), escape(text(&parameter["in"])));
            let _ = write!(html, "<tr><td><code>{name}</code></td><td>{place}</td><td>{}</td>", kind(&parameter["schema"]));
            let _ = write!(html, "<td>{}</td></tr>", prose(text(&parameter["description"])));
        }
        html.push_str("</tbody></table>");
    }
    for (media, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let _ = write!(html, "<p>Body, <code>{}</code>: {}</p>", escape(media), kind(&content["schema"]));
    }
    html.push_str("<table><caption>Answers</caption><thead><tr><th>Status</th><th>Body</th><th>Meaning</th></tr></thead><tbody>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let body = response["content"].as_object().and_then(|content| content.values().next()).map(|content| kind(&content["schema"]));
        let _ = write!(html, "<tr><td>{}</td><td>{}</td>", escape(status), body.unwrap_or_else(|| "none".into()));
        let _ = write!(html, "<td>{}</td></tr>", prose(text(&response["description"])));
    }
    html.push_str("</tbody></table></details>");
}

fn properties(html: &mut String, schema: &Value) {
    for part in schema["allOf"].as_array().into_iter().chain(schema["oneOf"].as_array()).flatten() {
        match part["$ref"].as_str() {
            Some(_) => paragraph_html(html, &format!("All of {}", kind(part))),
            None => properties(html, part),
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|value| format!("<code>{}</code>", escape(text(value)))).collect();
        paragraph_html(html, &format!("One of {}", values.join(", ")));
    }
    let Some(fields) = schema["properties"].as_object() else { return };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().map(text).collect();
    html.push_str("<table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>");
    for (name, field) in fields {
        let optional = if required.contains(&name.as_str()) { "" } else { ", optional" };
        let _ = write!(html, "<tr><td><code>{}</code></td><td>{}{optional}</td>", escape(name), kind(field));
        let _ = write!(html, "<td>{}</td></tr>", prose(text(&field["description"])));
    }
    html.push_str("</tbody></table>");
}

/// The type of a value in words, schemas of the document as links.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let kinds: Vec<String> = choices.iter().map(kind).collect();
        return kinds.join(" or ");
    }
    let name = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(|kind| text(kind).to_owned()).collect::<Vec<_>>().join(" or "),
        kind => text(kind).to_owned(),
    };
    match (name.contains("array"), schema["format"].as_str()) {
        (true, _) => format!("{} of {}", escape(&name), kind(&schema["items"])),
        (_, Some(format)) => format!("{} ({})", escape(&name), escape(format)),
        _ if name.is_empty() => "any".into(),
        _ => escape(&name),
    }
}

fn paragraph(html: &mut String, content: &str) {
    paragraph_html(html, &prose(content));
}

fn paragraph_html(html: &mut String, content: &str) {
    if !content.is_empty() {
        let _ = write!(html, "<p>{content}</p>");
    }
}

/// Text for people, in which backquotes mark code.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) }).collect()
}

fn anchor(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{escape, prose};

    #[test]
    fn what_the_document_says_can_not_become_markup() {
        assert_eq!(escape("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
        assert_eq!(prose("a `<b>` c"), "a <code>&lt;b&gt;</code> c");
    }
}
