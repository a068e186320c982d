//! Long lists of services, as scripts and pages read them by place.

use serde_json::{Value, json};

use crate::app::{TestApp, on_each_store};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|service| service["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_reads_a_list_from_any_place_on_and_is_told_what_is_wrong_with_one() {
    on_each_store(async |app: TestApp| {
        let admin = app.sign_in("admin").await;
        for n in 0..7 {
            let body = json!({"name": format!("many-{n}"), "source": {"command": ["/bin/true"], "working_dir": "/tmp"}});
            assert_eq!(admin.post("/api/services", body).await.status, 201);
        }
        app.nobody().get("/api/services?offset=1").await.fails_with(401, "not_signed_in");
        for client in [app.sign_in("viewer").await, app.sign_in("developer").await, admin] {
            let page = client.get("/api/services?q=many-&offset=2&limit=3").await.json();
            assert_eq!((names(&page), &page["total"]), (vec!["many-2", "many-3", "many-4"], &json!(7)));
            let next = page["next_cursor"].as_str().unwrap();
            let rest = client.get(&format!("/api/services?q=many-&limit=3&cursor={next}")).await.json();
            assert_eq!((names(&rest), &rest["next_cursor"]), (vec!["many-5", "many-6"], &Value::Null));
            let down = client.get("/api/services?q=many-&offset=6&sort=-name").await.json();
            assert_eq!(names(&down), ["many-0"]);
            let beyond = client.get("/api/services?q=many-&offset=4294967295").await.json();
            assert_eq!((names(&beyond), &beyond["total"], &beyond["next_cursor"]), (vec![], &json!(7), &Value::Null));
            assert_eq!(names(&client.get("/api/services?q=many-&offset=").await.json()).len(), 7, "an empty value is none");
            for wrong in ["-1", "1.5", "x", "4294967296", &format!("2&cursor={next}")] {
                let refused = client.get(&format!("/api/services?offset={wrong}")).await.fails_with(422, "validation_failed");
                assert_eq!(refused["details"][0]["field"], "offset", "{wrong}: {refused}");
            }
        }
    })
    .await;
}
