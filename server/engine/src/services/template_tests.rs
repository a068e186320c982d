//! Services that are made of templates: what is made, what isn't, what is left when it fails, and the schema that they have.

use std::fs;
use std::path::{Path, PathBuf};

use api::ports::{Configurations as _, Services as _, Templates as _};
use api::{
    ErrorCode, EventKind, EventQuery, FromTemplate, NewConfiguration, NewSchema, NewService, NewSource, Role, SchemaSource, Secret,
    ServicePatch, Source, Status, TemplateRef,
};
use serde_json::{Value, json};

use super::tests::{Life, MAIN, caller, command, write};
use crate::on_each_store;
use crate::testing::TestStore;
use crate::{SecretsKey, auth, configuration, templates};

fn of(name: &str, template: &str, variables: Value) -> NewService<NewSource> {
    command(name, "/".into()).with_source(NewSource::Template(FromTemplate { template: template.into(), variables }))
}

/// What is in a folder, with what begins with a dot.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string().expect("UTF-8");
    let mut names: Vec<_> = fs::read_dir(folder).expect("it is there").map(name).collect();
    names.sort();
    names
}

fn root(test: &TestStore) -> PathBuf {
    test.config.services_dir.clone().expect("a folder")
}

on_each_store! {
    async fn a_service_of_a_template_is_one_of_the_folder_that_is_made(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let (developer, templates) = (caller(Role::Developer), templates::Manager::new(life.core.clone()));
        let new = of("shop", "base-service", json!({"greeting": "Good \"day\" #1"}));
        let made = life.services.create_from(&developer, new.clone()).await.expect("it is made");
        let folder = root(&test).canonicalize().expect("a path").join("shop");
        assert_eq!(names(&folder), [".env", "README.md", "main.py", "requirements.txt"]);
        assert_eq!(names(&root(&test)), ["shop"]);
        assert_eq!(made.spec.source, Source::Folder { folder: folder.display().to_string() });
        assert_eq!(made.spec.template, Some(TemplateRef { id: "base-service".into(), version: 1 }));
        assert_eq!((made.service.status, made.service.template_type.as_str()), (Status::Stopped, "fastapi"));
        assert_eq!(made.service.description.as_deref(), Some("Greets whoever asks, and says how it is at /health. Its settings are in .env, or in its configuration once that has been saved: TITLE, GREETING and LOG_LEVEL."));
        let id = made.service.id;
        let events = life.core.events.list(&EventQuery { service_id: Some(id), ..EventQuery::default() }, true).await.expect("events").items;
        assert_eq!((events.len(), events[0].kind, events[0].message.as_str()), (1, EventKind::ServiceCreated, "developer made shop of the template Base service"));
        assert!(life.services.discover(&life.admin).await.expect("a look").added.is_empty(), "it isn't found once more");

        let shown = templates.get(&developer, "base-service".into()).await.expect("it is there");
        assert_eq!((shown.template.services_count, shown.services[0].name.as_str(), shown.services[0].version), (1, "shop", 1));
        let listed = templates.list(&developer).await.expect("a list");
        let counts: Vec<_> = listed.items.iter().map(|one| (one.id.as_str(), one.services_count)).collect();
        assert_eq!(counts, [("background-worker", 0), ("base-service", 1), ("crud-data-service", 0)]);
        assert_eq!(templates.get(&developer, "nothing".into()).await.expect_err("there is none").code, ErrorCode::NotFound);

        life.services.start(&developer, id).await.expect("it is started");
        life.until(id, Status::Running).await;
        let told = &life.runtime.launches(id)[0].environment;
        assert_eq!((told["GREETING"].as_str(), told["TITLE"].as_str()), ("Good \"day\" #1", "Base service"));

        // The folder stays when its service is deleted, and then another one is made of that and not of a template.
        let worker = life.services.create_from(&developer, of("worker", "background-worker", json!({}))).await.expect("another").service.id;
        life.services.delete(&life.admin, worker).await.expect("it is deleted");
        assert_eq!(templates.get(&developer, "background-worker".into()).await.expect("it is there").template.services_count, 0);
        let again = life.services.create_from(&developer, of("worker", "background-worker", json!({}))).await.expect_err("its folder is there");
        assert_eq!(again.code, ErrorCode::Conflict);
        fs::remove_dir_all(folder.with_file_name("worker")).expect("removed");
        let again = life.services.create_from(&developer, of("worker", "background-worker", json!({}))).await.expect("it is made anew");
        assert_eq!(again.service.id, worker, "a folder keeps its service");
        let life = life.again(&test, |_| {}).await;
        let kept = life.services.get(&life.admin, id).await.expect("it is kept");
        assert_eq!((kept.spec.template, kept.spec.source), (made.spec.template, made.spec.source));
        life.end().await;
    }

    async fn what_cant_be_made_leaves_nothing_behind(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let orders = life.named("orders").await.id;
        write(&root(&test).join("taken/note.txt"), "mine");
        write(&root(&test).join(".pilothouse-draft-left/main.py"), MAIN);
        let developer = caller(Role::Developer);
        let with = |change: &dyn Fn(&mut NewService<NewSource>)| {
            let mut new = of("shop", "base-service", json!({}));
            change(&mut new);
            new
        };
        let wrong = [
            (of("shop", "nothing", json!({})), ErrorCode::ValidationFailed, "/source/template"),
            (of("shop", "base-service", json!({"greeting": ""})), ErrorCode::ValidationFailed, "/source/variables/greeting"),
            (of("../shop", "base-service", json!({})), ErrorCode::ValidationFailed, "/name"),
            (of("taken", "base-service", json!({})), ErrorCode::Conflict, ""),
            (of("ORDERS", "base-service", json!({})), ErrorCode::Conflict, ""),
            (with(&|new| new.user = Some("daemon".into())), ErrorCode::ValidationFailed, "/user"),
            (with(&|new| new.runtime = Some(api::RuntimeKind::Docker)), ErrorCode::ValidationFailed, "/runtime"),
            (with(&|new| new.environment = [("PATH".to_owned(), "/tmp".to_owned())].into()), ErrorCode::Forbidden, ""),
            (with(&|new| new.depends_on = vec![orders, api::ServiceId(uuid::Uuid::nil())]), ErrorCode::ValidationFailed, "/depends_on/1"),
        ];
        for (new, code, field) in wrong {
            for error in [
                life.services.plan_from(&developer, new.clone()).await.expect_err("it is wrong"),
                life.services.create_from(&developer, new.clone()).await.expect_err("it is wrong"),
            ] {
                let at = error.details.first().map_or("", |detail| detail.field.as_str());
                assert_eq!((error.code, at), (code, field), "{new:?}: {error}");
            }
        }
        let refused = life.services.create_from(&caller(Role::Viewer), of("shop", "base-service", json!({}))).await.expect_err("a viewer");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        assert_eq!(names(&root(&test)), ["orders", "taken"], "also what was left of an earlier one is gone");
        assert_eq!(names(&root(&test).join("taken")), ["note.txt"]);
        assert_eq!(life.core.catalog.len(), 1);

        let plan = life.services.plan_from(&developer, of("shop", "base-service", json!({}))).await.expect("a plan");
        let folder = root(&test).canonicalize().expect("a path").join("shop").display().to_string();
        assert_eq!((plan.obstacle, plan.working_dir.as_deref()), (None, Some(folder.as_str())));
        assert_eq!(plan.files, [".env", "README.md", "main.py", "requirements.txt"].map(|name| format!("{folder}/{name}")));
        assert_eq!(plan.variables, ["GREETING", "PORT", "TITLE"]);
        assert_eq!(names(&root(&test)), ["orders", "taken"], "a plan makes nothing");
        let there = command("other", test.folder().into()).with_source(NewSource::There(Source::Folder { folder: "/nowhere".into() }));
        assert_eq!(life.services.create_from(&life.admin, there).await.expect_err("it isn't there").details[0].field, "/source/folder");

        // What can't be kept when its folder is in its place already is taken away again.
        let variables = || [("TOKEN".to_owned(), "x".to_owned())].into();
        let sealed = ServicePatch { environment: Some(variables()), ..ServicePatch::default() };
        life.services.change(&life.admin, orders, sealed).await.expect("variables are sealed");
        test.config.secrets_key = SecretsKey::Text(Secret::new("a".repeat(64)));
        let life = life.again(&test, |_| {}).await;
        let new = with(&|new| new.environment = variables());
        let refused = life.services.create_from(&developer, new).await.expect_err("they can't be sealed");
        assert_eq!(refused.code, ErrorCode::Unavailable, "{refused}");
        assert_eq!(names(&root(&test)), ["orders", "taken"]);

        test.config.services_dir = None;
        let life = life.again(&test, |_| {}).await;
        let refused = life.services.create_from(&developer, of("shop", "base-service", json!({}))).await.expect_err("there is nowhere to make it");
        assert!(refused.code == ErrorCode::Conflict && refused.message.contains("services_dir"), "{refused}");
        life.end().await;
    }

    async fn its_configuration_has_the_schema_of_its_template_unless_something_nearer_says_another(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let developer = caller(Role::Developer);
        let id = life.services.create_from(&developer, of("worker", "background-worker", json!({"interval_seconds": 30}))).await.expect("it is made");
        let id = id.service.id;
        let manager = configuration::Manager::open(life.core.clone(), life.services.clone(), auth::Manager::new(life.core.clone())).await;
        let manager = manager.expect("configurations are read");
        let found = manager.get(&developer, id).await.expect("it is there");
        assert_eq!((found.schema_source, &found.schema["title"], found.faults), (SchemaSource::Template, &json!("Background worker"), vec![]));
        assert_eq!(found.values, json!({"INTERVAL_SECONDS": 30, "TASK": "Looking for work"}), "numbers are numbers by it");
        let values = |values: Value| NewConfiguration {
            values,
            version: 1,
            message: String::new(),
            restart: false,
            watch_seconds: None,
            inherit: Default::default(),
        };
        let refused = manager.save(&developer, id, values(json!({"INTERVAL_SECONDS": 0}))).await.expect_err("it is too short");
        assert_eq!((refused.code, refused.details[0].field.as_str()), (ErrorCode::ValidationFailed, "/values/INTERVAL_SECONDS"));

        let own = json!({"type": "object", "title": "Its own", "properties": {"INTERVAL_SECONDS": {"type": "integer"}}});
        let file = root(&test).join("worker/schema.json");
        write(&file, &own.to_string());
        let found = manager.get(&developer, id).await.expect("it is there");
        assert_eq!((found.schema_source, &found.schema["title"]), (SchemaSource::File, &json!("Its own")));
        write(&file, "{");
        let found = manager.get(&developer, id).await.expect("it is there");
        assert!(found.schema_source == SchemaSource::Template && found.notes[0].contains("schema.json isn't taken"), "{:?}", found.notes);
        let set = manager.set_schema(&developer, id, NewSchema { schema: json!({"type": "object", "title": "Set"}) }).await.expect("it is set");
        assert_eq!((set.schema_source, &set.schema["title"]), (SchemaSource::Set, &json!("Set")));
        let back = manager.set_schema(&developer, id, NewSchema { schema: Value::Null }).await.expect("it is taken away");
        assert_eq!(back.schema_source, SchemaSource::Template);
        fs::remove_file(&file).expect("removed");
        manager.save(&developer, id, values(json!({"INTERVAL_SECONDS": 5}))).await.expect("it is right");
        life.end().await;
    }
}
