//! Configurations as text, on both stores: comments are kept, secrets are in no text, and all of an import is checked before any of it is saved.

use std::sync::Arc;

use api::ports::Configurations as _;
use api::{
    ConfigurationDraft, ConfigurationFormat, ConfigurationImport, ConfigurationRestore, ConfigurationText, ConfigurationTextQuery,
    ConfigurationsImport, ErrorCode, EventKind, ImportMode, MASK, NewConfiguration, Role, ServiceId,
};
use serde_json::json;

use super::tests::{Life, MAIN, caller};
use crate::configuration::Manager;
use crate::on_each_store;
use crate::testing::TestStore;

const ENV: &str = "GREETING=hello\nDATABASE_PASSWORD=hunter2-secret\n";

async fn begin(test: &mut TestStore) -> (Life, Arc<Manager>, ServiceId) {
    let life = Life::begin(test, &[("orders/main.py", MAIN), ("orders/.env", ENV), ("stock/main.py", MAIN)]).await;
    let manager = Manager::open(life.core.clone(), life.services.clone(), crate::auth::Manager::new(life.core.clone()))
        .await
        .expect("configurations are read");
    let id = life.named("orders").await.id;
    (life, manager, id)
}

fn of(format: ConfigurationFormat, text: &str, version: u64) -> ConfigurationImport {
    ConfigurationImport { version: Some(version), message: "a reason".into(), ..ConfigurationImport::of(format, text.into()) }
}

async fn text(manager: &Manager, id: ServiceId, format: ConfigurationFormat, version: Option<u64>) -> String {
    let query = ConfigurationTextQuery { format, version };
    manager.text(&caller(Role::Viewer), id, query).await.expect("it is written").text
}

on_each_store! {
    async fn a_text_is_saved_with_its_comments_and_without_its_secrets(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test).await;
        let developer = caller(Role::Developer);
        assert_eq!(text(&manager, id, ConfigurationFormat::Env, None).await, "DATABASE_PASSWORD=********\nGREETING=hello\n");

        let yaml = "# once planted-secret-1\nGREETING: good day # said\n\n# kept: hunter2-secret\nDATABASE_PASSWORD: \"********\"\nAPI_KEY: planted-secret-1 # new\nLIMITS:\n  most: 3 # each\n";
        let refused = manager.import(&caller(Role::Viewer), id, of(ConfigurationFormat::Yaml, yaml, 1)).await.expect_err("it may not");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        let asked = ConfigurationImport { dry_run: true, ..of(ConfigurationFormat::Yaml, yaml, 1) };
        let asked = manager.import(&developer, id, asked).await.expect("it is looked at");
        let fields: Vec<_> = asked.changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!((asked.saved, asked.version, fields), (false, 1, vec!["/API_KEY", "/GREETING", "/LIMITS"]));
        assert_eq!(asked.changes[0].after, Some(json!(MASK)));

        let saved = manager.import(&developer, id, of(ConfigurationFormat::Yaml, yaml, 1)).await.expect("it is saved");
        assert_eq!((saved.saved, saved.version, saved.notes), (true, 2, vec![]));
        life.events(id, EventKind::ConfigSaved).await;
        let shown = "# once ********\nGREETING: good day # said\n\n# kept: ********\nDATABASE_PASSWORD: \"********\"\nAPI_KEY: \"********\" # new\nLIMITS:\n  most: 3 # each\n";
        assert_eq!(text(&manager, id, ConfigurationFormat::Yaml, None).await, shown);
        let now = manager.get(&developer, id).await.expect("it is read");
        assert_eq!(now.format, Some(ConfigurationFormat::Yaml));
        assert_eq!(now.values, json!({"GREETING": "good day", "DATABASE_PASSWORD": MASK, "API_KEY": MASK, "LIMITS": {"most": 3}}));
        let same = manager.import(&developer, id, of(ConfigurationFormat::Yaml, shown, 2)).await.expect("it is read");
        assert_eq!((same.saved, same.version), (false, 2), "nothing is different");
        let stale = manager.import(&developer, id, of(ConfigurationFormat::Yaml, yaml, 1)).await.expect_err("it is old");
        assert_eq!(stale.code, ErrorCode::Conflict);

        // Saved as values, and as another text, and gone back to: comments stay where they can.
        let values = json!({"GREETING": "hi", "DATABASE_PASSWORD": MASK, "API_KEY": MASK, "LIMITS": {"most": 3}});
        let new = NewConfiguration { values, version: 2, message: String::new(), restart: false, watch_seconds: None, inherit: Default::default() };
        manager.save(&developer, id, new).await.expect("it is saved");
        assert_eq!(text(&manager, id, ConfigurationFormat::Yaml, None).await, shown.replace("good day", "hi"));
        assert_eq!(text(&manager, id, ConfigurationFormat::Yaml, Some(2)).await, shown);
        let added = ConfigurationImport { mode: ImportMode::Merge, ..of(ConfigurationFormat::Env, "# gone\nNEW='x'", 3) };
        manager.import(&developer, id, added).await.expect("it is saved");
        let merged = format!("{}NEW: x\n", shown.replace("good day", "hi"));
        assert_eq!(text(&manager, id, ConfigurationFormat::Yaml, None).await, merged);
        let restore = ConfigurationRestore { version: 2, current_version: None, message: String::new(), restart: false };
        manager.restore(&developer, id, restore).await.expect("it is restored");
        assert_eq!(text(&manager, id, ConfigurationFormat::Yaml, None).await, shown);

        // What isn't saved is written by the same rules.
        let draft = ConfigurationDraft { format: ConfigurationFormat::Yaml, values: json!({"GREETING": "typed"}), text: None };
        let written = manager.write(&developer, id, draft).await.expect("it is written").text;
        assert_eq!(written, "# once ********\nGREETING: typed # said\n\n# kept: ********\n");
        let draft = ConfigurationDraft { format: ConfigurationFormat::Env, values: json!({"A": 1}), text: Some("# mine\r\nA=0 # b".into()) };
        assert_eq!(manager.write(&developer, id, draft).await.expect("it is written").text, "# mine\nA=1 # b");

        // The next life reads the same; the secrets are in no file in clear.
        let life = life.again(&test, |_| {}).await;
        let manager = Manager::open(life.core.clone(), life.services.clone(), crate::auth::Manager::new(life.core.clone())).await.expect("configurations are read");
        assert_eq!(text(&manager, id, ConfigurationFormat::Yaml, None).await, shown);
        life.end().await;
    }

    async fn what_is_wrong_with_a_text_is_said_at_its_line(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test).await;
        let developer = caller(Role::Developer);
        let schema = json!({"properties": {"PORT": {"type": "integer"}, "LIMITS": {"properties": {"most": {"type": "integer"}}}}, "required": ["HOST"]});
        manager.set_schema(&developer, id, api::NewSchema { schema }).await.expect("it is set");
        let cases = [
            (ConfigurationFormat::Yaml, "# a\nPORT: soon\nLIMITS:\n  most: x\n", vec![("/values/PORT", 2), ("/values/LIMITS/most", 4)]),
            (ConfigurationFormat::Toml, "PORT = 'soon'\n\n[LIMITS]\nmost = 'x'\n", vec![("/values/PORT", 1), ("/values/LIMITS/most", 4)]),
            (ConfigurationFormat::Env, "# a\nPORT=soon\nLIMITS={\"most\":\"x\"}\n", vec![("/values/PORT", 2)]),
            (ConfigurationFormat::Yaml, "PORT: 1\nHOST: [\n", vec![("/text", 2)]),
        ];
        for (format, text, places) in cases {
            let reading = manager.read(&developer, id, ConfigurationText { format, text: text.into() }).await.expect("it is looked at");
            for (field, line) in places {
                assert_eq!(reading.lines.get(field), Some(&line), "{format}: {reading:?}");
                assert!(reading.details.iter().any(|detail| detail.field == field), "{format}: {reading:?}");
            }
            assert_eq!(reading.values.is_none(), text.ends_with("[\n"), "{format}: {reading:?}");
            let refused = manager.import(&developer, id, of(format, text, 1)).await.expect_err("it isn't saved");
            assert_eq!(refused.code, ErrorCode::ValidationFailed, "{format}: {refused:?}");
        }
        assert_eq!(manager.get(&developer, id).await.expect("it is read").version, 1);
        life.end().await;
    }

    async fn all_configurations_go_out_and_come_in_together(test: TestStore) {
        let mut test = test;
        let (life, manager, orders) = begin(&mut test).await;
        let (developer, stock) = (caller(Role::Developer), life.named("stock").await.id);
        let all = |format, text: &str, dry_run| ConfigurationsImport {
            format,
            text: text.into(),
            mode: ImportMode::Merge,
            message: "all".into(),
            dry_run,
        };
        let out = manager.export_all(&caller(Role::Viewer), ConfigurationFormat::Yaml).await.expect("it is written").text;
        assert_eq!(out, "services:\n  orders:\n    DATABASE_PASSWORD: \"********\"\n    GREETING: hello\n  stock: {}\n");
        let refused = manager.export_all(&developer, ConfigurationFormat::Env).await.expect_err("it has one service");
        assert_eq!(refused.details[0].field, "/format");

        let wrong = "services:\n  orders: {GREETING: hi, 'A-B': 1}\n  nobody: {A: 1}\n";
        let refused = manager.import_all(&developer, all(ConfigurationFormat::Yaml, wrong, false)).await.expect_err("it isn't saved");
        let fields: Vec<_> = refused.details.iter().map(|detail| detail.field.as_str()).collect();
        assert_eq!(fields, ["/services/orders/A-B", "/services/nobody"]);
        for text in ["services: 1", "orders: {}", "services: {}\nother: 1", "services: {orders: 1}", "services: ["] {
            let refused = manager.import_all(&developer, all(ConfigurationFormat::Yaml, text, false)).await.expect_err("it isn't saved");
            assert_eq!(refused.code, ErrorCode::ValidationFailed, "{text}");
        }
        assert_eq!(manager.get(&developer, orders).await.expect("it is read").version, 1, "nothing was saved");

        let toml = "[services.orders]\nGREETING = 'hi'\nDATABASE_PASSWORD = '********'\n[services.stock]\nNEW = 1\n";
        for dry_run in [true, false] {
            let done = manager.import_all(&developer, all(ConfigurationFormat::Toml, toml, dry_run)).await.expect("it is taken in").items;
            let seen: Vec<_> = done.iter().map(|one| (one.service_name.as_str(), one.saved, one.changes.len())).collect();
            assert_eq!(seen, [("orders", !dry_run, 1), ("stock", !dry_run, 1)]);
        }
        let kept = manager.get(&developer, orders).await.expect("it is read").values;
        assert_eq!(kept, json!({"GREETING": "hi", "DATABASE_PASSWORD": MASK}));
        assert_eq!(manager.get(&developer, stock).await.expect("it is read").values, json!({"NEW": 1}));
        let again = manager.import_all(&developer, all(ConfigurationFormat::Toml, toml, false)).await.expect("it is read").items;
        assert!(again.iter().all(|one| !one.saved && one.version == 2), "{again:?}");
        let refused = manager.import_all(&caller(Role::Viewer), all(ConfigurationFormat::Toml, toml, true)).await.expect_err("it may not");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        life.end().await;
    }
}
