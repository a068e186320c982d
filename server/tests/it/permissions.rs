//! The one table of permissions against every operation, called for real as each role.

use api::{Permission, Role};
use http::Method;
use serde_json::json;

use crate::app::{TestApp, on_each_store};
use crate::openapi::operations;

const NO_ID: &str = "0192f0c4-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_reaches_exactly_the_operations_that_the_table_gives_it() {
    on_each_store(async |app: TestApp| {
        let nobody = app.nobody();
        let clients = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        for (method, path, operation) in operations() {
            let permission = operation["x-permission"].as_str().unwrap();
            if permission == "public" || path.ends_with("/stream") {
                continue;
            }
            let least = Permission::ALL.iter().find(|one| one.as_str() == permission).unwrap().least_role();
            let path = filled(&path);
            let method = method.parse::<Method>().unwrap();
            let body = operation.get("requestBody").map(|_| body_of(&path));
            nobody.send(method.clone(), &path, body.clone()).await.fails_with(401, "not_signed_in");
            for (role, client) in Role::ALL.into_iter().zip(&clients) {
                let reply = client.send(method.clone(), &path, body.clone()).await;
                let is_refused = reply.status == 403;
                assert_eq!(is_refused, role < least, "{method} {path} as {}: {reply:?}", role.as_str());
                assert!(reply.status.as_u16() < 500, "{method} {path} as {}: {reply:?}", role.as_str());
                assert_ne!(reply.status, 401, "{method} {path} as {}: {reply:?}", role.as_str());
            }
        }
    })
    .await;
}

/// The path of an operation with ids of nothing.
pub fn filled(path: &str) -> String {
    path.replace("{id}", NO_ID).replace("{hook_id}", NO_ID).replace("{version}", "1").replace("{name}", "no-such-secret")
}

/// A body that can be read, so that it is the permission that decides.
pub fn body_of(path: &str) -> serde_json::Value {
    match path {
        "/api/services" | "/api/services/plan" => json!({"name": "-", "source": {"folder": "/nowhere"}}),
        "/api/services/bulk" => json!({"action": "start", "ids": [NO_ID]}),
        "/api/users" => json!({"username": "-", "password": "short", "role": "viewer"}),
        "/api/tokens" => json!({"name": "-", "scopes": ["read"]}),
        path if path.ends_with("/hooks") => json!({"name": "forge"}),
        path if path.ends_with("/reveal") && path.starts_with("/api/config") => json!({"password": "wrong", "field": "/A"}),
        path if path.ends_with("/reveal") => json!({"password": "wrong"}),
        "/api/secrets/import" => json!({"env": "TOKEN=x", "dry_run": true}),
        "/api/auth/password" => json!({"old_password": "wrong", "new_password": "short"}),
        "/api/config/backup" => json!({"password": "wrong", "passphrase": "a passphrase of many words"}),
        path if path.ends_with("/validate") => json!({"values": {}}),
        path if path.ends_with("/restore") && path.starts_with("/api/config") => json!({"version": 1}),
        path if path.ends_with("/import") && path.starts_with("/api/config") => json!({"format": "json", "text": "{}"}),
        "/api/deploy/freezes" => json!({"to": "2000-01-01T00:00:00Z", "reason": "-"}),
        "/api/deploy/environments" => json!({"name": "-"}),
        "/api/config/change" => json!({"services": [NO_ID], "set": {"A": 1}}),
        path if path.ends_with("/inherit") => json!({"version": 1}),
        path if path.ends_with("/reset") => json!({"version": 1}),
        path if path.ends_with("/schema") => json!({"schema": {}}),
        path if path.starts_with("/api/config/services/") => json!({"values": {}, "version": 1}),
        _ => json!({}),
    }
}
