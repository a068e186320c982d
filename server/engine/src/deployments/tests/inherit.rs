//! Environments that inherit values, on both databases: what is taken over, by whom and when, and what never is.

use std::collections::BTreeMap;

use api::ports::{Configurations as _, Deployments as _, Environments as _, Services as _};
use api::{
    Configuration, ConfigurationChange, ConfigurationInherit, ConfigurationRestore, ConfigurationsQuery, ConfigurationsShow,
    DeploymentConfiguration, DeploymentStatus, DifferenceQuery, Error, ErrorCode, EventKind, Inherited, MASK, NewConfiguration,
    NewDeployment, NewRollback, NewSchema, Origins, Role, ServiceId, ValueOrigin,
};
use serde_json::{Value, json};

use super::Yard;
use super::environments::target;
use crate::on_each_store;
use crate::services::tests::{caller, write};
use crate::store::execute;
use crate::testing::TestStore;

fn values(values: Value, version: u64) -> NewConfiguration {
    NewConfiguration { values, version, message: String::new(), restart: false, watch_seconds: None, inherit: BTreeMap::new() }
}

fn inherit(version: u64, base_version: Option<u64>, names: &[&str]) -> ConfigurationInherit {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    ConfigurationInherit { version, base_version, names, ..ConfigurationInherit::default() }
}

fn fields(error: &Error) -> Vec<&str> {
    error.details.iter().map(|detail| detail.field.as_str()).collect()
}

fn changed(now: &Configuration) -> Vec<&str> {
    now.inheritance.as_ref().expect("it is of an environment").changed.iter().map(String::as_str).collect()
}

/// The origins by a word each, without what the schema has.
fn told(origins: &Origins) -> Vec<(&str, String)> {
    let word = |origin: &ValueOrigin| match origin {
        ValueOrigin::Inherited(Inherited { environment, version, .. }) => format!("{environment} {version}"),
        other => format!("{other:?}").to_lowercase(),
    };
    origins.iter().filter(|(_, origin)| **origin != ValueOrigin::Default).map(|(name, origin)| (name.as_str(), word(origin))).collect()
}

impl Yard {
    /// A base with a secret, and what it is in staging and in production.
    async fn with_heirs(test: &mut TestStore) -> (Self, ServiceId, ServiceId) {
        let yard = Self::begin(test).await;
        yard.environments(&["staging", "production"]).await;
        let first = json!({"GREETING": "hello", "API_TOKEN": MASK, "WORKERS": 2, "PORT": 8123, "GONE": "x"});
        yard.configurations.save(&yard.life.admin, yard.id, values(first, 1)).await.expect("it is saved");
        let wanted = target("staging", &[("WORKERS", Some("4")), ("GONE", None)]);
        let staging = yard.manager.set_up(&yard.life.admin, yard.id, wanted).await.expect("it is set up").service.id;
        let production = yard.set_up_in("production").await;
        (yard, staging, production)
    }

    async fn told_now(&self, id: ServiceId) -> Configuration {
        self.configurations.get(&self.life.admin, id).await.expect("it is read")
    }

    /// Saves what the base says, all of it.
    async fn base_says(&self, said: Value) -> u64 {
        let now = self.told_now(self.id).await.version;
        self.configurations.save(&self.life.admin, self.id, values(said, now)).await.expect("it is saved").version
    }

    fn variable(&self, id: ServiceId, name: &str) -> Option<String> {
        self.life.services.told(id).expect("it is read").expect("it is told").variables.get(name).cloned()
    }
}

on_each_store! {
    async fn what_changes_in_the_base_is_told_to_an_heir_and_to_its_service_only_when_somebody_takes_it_over(test: TestStore) {
        let mut test = test;
        let (yard, staging, production) = Yard::with_heirs(&mut test).await;
        let (admin, developer, viewer) = (&yard.life.admin, caller(Role::Developer), caller(Role::Viewer));
        let now = yard.told_now(staging).await;
        assert_eq!(now.values, json!({"GREETING": "hello", "API_TOKEN": MASK, "WORKERS": "4"}));
        let expected = [("API_TOKEN", "development 2"), ("GONE", "unset"), ("GREETING", "development 2"), ("WORKERS", "own")];
        assert_eq!(told(&now.origins), expected.map(|(name, word)| (name, word.to_owned())));
        let there = yard.told_now(production).await;
        assert_eq!((&there.values, changed(&there)), (&now.values, vec![]), "it begins as what is before it");
        assert_eq!(told(&there.origins)[2], ("WORKERS", "staging 2".into()));
        assert_eq!(yard.told_now(yard.id).await.inheritance, None, "the base is nobody's heir");

        let version = yard.base_says(json!({"GREETING": "bye", "API_TOKEN": "changed-secret", "WORKERS": 3, "EXTRA": 1, "GONE": "y"})).await;
        let now = yard.told_now(staging).await;
        assert_eq!((now.version, now.values["GREETING"].as_str()), (2, Some("hello")), "nothing has changed behind its back");
        assert_eq!(changed(&now), ["API_TOKEN", "EXTRA", "GREETING"]);
        let change = |field: &str, before: Option<Value>, after: Value| ConfigurationChange { field: field.into(), before, after: Some(after) };
        let shown = now.inheritance.clone().expect("it is shown");
        let expected = [
            change("/API_TOKEN", Some(json!(MASK)), json!(MASK)),
            change("/EXTRA", None, json!(1)),
            change("/GREETING", Some(json!("hello")), json!("bye")),
        ];
        assert_eq!(shown.changes, expected);
        assert_eq!(Value::Object(shown.offers), json!({"EXTRA": 1, "GONE": "y", "WORKERS": 3}));
        assert_eq!(shown.base.map(|base| (base.service_name, base.version)), Some(("orders".into(), Some(version))));
        assert_eq!(changed(&yard.told_now(production).await), Vec::<&str>::new(), "one environment after the other");

        // Who is told of it otherwise.
        let query = ConfigurationsQuery { show: Some(ConfigurationsShow::InheritedChanged), ..ConfigurationsQuery::default() };
        let listed = yard.configurations.list(&viewer, query).await.expect("they are listed").items;
        let listed: Vec<_> = listed.iter().map(|one| (one.service_name.as_str(), one.inherited_changes)).collect();
        assert_eq!(listed, [("orders-staging", Some(3))]);
        let known = yard.configurations.list(&viewer, ConfigurationsQuery::default()).await.expect("they are listed").items;
        assert_eq!(known.iter().map(|one| one.inherited_changes).collect::<Vec<_>>(), [None, Some(0), Some(3)]);
        let plan = yard.manager.plan(admin, staging, NewDeployment::default()).await.expect("a plan");
        assert!(plan.warnings.iter().any(|one| one.starts_with("API_TOKEN, EXTRA, GREETING are different in development")), "{plan:?}");

        let refused = yard.configurations.inherit(&viewer, staging, inherit(2, None, &[])).await.expect_err("it may not");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        let stale = yard.configurations.inherit(&developer, staging, inherit(1, None, &[])).await.expect_err("it isn't the newest");
        assert_eq!((stale.code, fields(&stale)), (ErrorCode::Conflict, vec!["/version"]));
        let stale = yard.configurations.inherit(&developer, staging, inherit(2, Some(2), &[])).await.expect_err("the base was saved since");
        assert_eq!((stale.code, fields(&stale)), (ErrorCode::Conflict, vec!["/base_version"]));
        let wanted = ConfigurationInherit { message: " as agreed ".into(), ..inherit(2, Some(version), &[]) };
        let taken = yard.configurations.inherit(&developer, staging, wanted).await.expect("it is taken over");
        assert_eq!((taken.version, taken.updated_by.as_deref(), changed(&taken)), (3, Some("developer"), vec![]));
        assert_eq!(taken.values, json!({"GREETING": "bye", "API_TOKEN": MASK, "WORKERS": "4", "EXTRA": 1}));
        assert_eq!(yard.variable(staging, "API_TOKEN").as_deref(), Some("changed-secret"), "moved unseen");
        assert_eq!(yard.variable(production, "API_TOKEN").as_deref(), Some("hunter2-secret"));
        let listed = yard.configurations.versions(&viewer, staging).await.expect("they are listed").items;
        assert_eq!(listed[0].message, format!("inherited from development, version {version}: as agreed"));
        let difference = yard.configurations.difference(&viewer, staging, DifferenceQuery::default()).await.expect("they are compared");
        let origin = difference.origins.get("GREETING").expect("it is from a newer version");
        let of = |version| Some(ValueOrigin::Inherited(Inherited { service_id: yard.id, environment: "development".into(), version }));
        assert_eq!((&origin.before, &origin.after), (&of(2), &of(version)));
        assert!(!difference.origins.contains_key("WORKERS"));
        let before = yard.configurations.version(&viewer, staging, 2).await.expect("it is kept");
        assert_eq!(before.inherited.keys().map(String::as_str).collect::<Vec<_>>(), ["API_TOKEN", "GREETING"]);
        let events = yard.life.core.events.list(&Default::default(), true).await.expect("events");
        let said = events.items.iter().find(|event| event.kind == EventKind::ConfigSaved && event.service_id == Some(staging)).expect("it is told");
        assert!(said.message.starts_with("developer took over inherited values in the configuration of orders-staging as version 3"), "{said:?}");
        for text in [format!("{events:?}"), format!("{taken:?}"), format!("{difference:?}"), format!("{:?}", yard.told_now(production).await)] {
            assert!(!text.contains("changed-secret") && !text.contains("hunter2"), "{text}");
        }
        let none = yard.configurations.inherit(&developer, staging, inherit(3, None, &[])).await.expect_err("there is nothing more");
        assert!(none.code == ErrorCode::Conflict && none.message.contains("no inherited value has changed"), "{none}");
        assert_eq!(changed(&yard.told_now(production).await), ["API_TOKEN", "EXTRA", "GREETING"], "and now the next");

        // All of it is in what is kept.
        let yard = yard.again(&test).await;
        assert_eq!(told(&yard.told_now(staging).await.origins), told(&taken.origins));
        assert_eq!(changed(&yard.told_now(production).await), ["API_TOKEN", "EXTRA", "GREETING"]);
        yard.life.end().await;
    }

    async fn of_two_who_take_over_at_once_one_is_told_of_the_other_and_the_base_may_be_saved_meanwhile(test: TestStore) {
        let mut test = test;
        let (yard, staging, _) = Yard::with_heirs(&mut test).await;
        let admin = &yard.life.admin;
        let version = yard.base_says(json!({"GREETING": "bye", "API_TOKEN": MASK})).await;
        let take = || yard.configurations.inherit(admin, staging, inherit(2, None, &[]));
        let save = yard.configurations.save(admin, yard.id, values(json!({"GREETING": "later", "API_TOKEN": "another-secret"}), version));
        let (one, other, saved) = tokio::join!(take(), take(), save);
        saved.expect("the base is saved");
        let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
        let (won, lost) = (won.expect("one is saved"), lost.expect_err("the other one isn't"));
        assert_eq!((lost.code, fields(&lost)), (ErrorCode::Conflict, vec!["/version"]));
        // Whichever it was, all of it is from one version.
        let ValueOrigin::Inherited(from) = &won.origins["GREETING"] else { panic!("{won:?}") };
        let (greeting, token) = if from.version == version { ("bye", "hunter2-secret") } else { ("later", "another-secret") };
        assert_eq!(won.values["GREETING"], greeting);
        assert_eq!(yard.variable(staging, "API_TOKEN").as_deref(), Some(token));
        let left = if from.version == version { vec!["API_TOKEN", "GREETING"] } else { vec![] };
        assert_eq!(changed(&yard.told_now(staging).await), left);
        yard.life.end().await;
    }

    async fn what_is_changed_or_taken_out_here_is_its_own_until_it_is_inherited_again(test: TestStore) {
        let mut test = test;
        let (yard, staging, _) = Yard::with_heirs(&mut test).await;
        let admin = &yard.life.admin;
        // GREETING is changed, API_TOKEN taken out, ADDED added.
        let saved = yard.configurations.save(admin, staging, values(json!({"GREETING": "mine", "WORKERS": "4", "ADDED": 1}), 2)).await;
        let saved = saved.expect("it is saved");
        let expected = [("ADDED", "own"), ("API_TOKEN", "unset"), ("GONE", "unset"), ("GREETING", "own"), ("WORKERS", "own")];
        assert_eq!(told(&saved.origins), expected.map(|(name, word)| (name, word.to_owned())));
        let version = yard.base_says(json!({"GREETING": "bye", "API_TOKEN": "newer-secret", "LATER": true})).await;
        assert_eq!(changed(&yard.told_now(staging).await), ["LATER"], "what was taken out stays out");

        // Back, with a secret, whatever the form has in their fields; LATER is refused for good.
        let again = [("API_TOKEN", true), ("GREETING", true), ("LATER", false)];
        let new = NewConfiguration {
            inherit: again.map(|(name, is)| (name.to_owned(), is)).into(),
            ..values(json!({"GREETING": "typed", "API_TOKEN": MASK, "WORKERS": "4", "ADDED": 1}), 3)
        };
        let back = yard.configurations.save(admin, staging, new).await.expect("it is saved");
        assert_eq!(back.values, json!({"GREETING": "bye", "API_TOKEN": MASK, "WORKERS": "4", "ADDED": 1}));
        assert_eq!(yard.variable(staging, "API_TOKEN").as_deref(), Some("newer-secret"));
        let from = format!("development {version}");
        let expected = [("ADDED", "own"), ("API_TOKEN", &from), ("GONE", "unset"), ("GREETING", &from), ("LATER", "unset"), ("WORKERS", "own")];
        assert_eq!(told(&back.origins), expected.map(|(name, word)| (name, word.to_owned())));
        assert!(back.secrets.contains(&"/API_TOKEN".to_owned()) && changed(&back).is_empty());

        // What stays as it is can be made its own, and what the base removes is offered for removal.
        let new = NewConfiguration { inherit: [("GREETING".to_owned(), false)].into(), ..values(back.values.clone(), 4) };
        let own = yard.configurations.save(admin, staging, new).await.expect("it is saved");
        assert_eq!((&own.values, &own.origins["GREETING"]), (&back.values, &ValueOrigin::Own));
        yard.base_says(json!({"GREETING": "another"})).await;
        let now = yard.told_now(staging).await;
        assert_eq!(changed(&now), ["API_TOKEN"]);
        let gone = yard.configurations.inherit(admin, staging, inherit(5, None, &[])).await.expect("it is taken out");
        assert_eq!((gone.values, changed(&yard.told_now(staging).await)), (json!({"GREETING": "bye", "WORKERS": "4", "ADDED": 1}), vec![]));
        assert!(!gone.origins.contains_key("API_TOKEN"), "it was the base that has removed it");

        // An earlier version is gone back to with what it inherited.
        let restore = ConfigurationRestore { version: 4, current_version: Some(6), message: String::new(), restart: false };
        let restored = yard.configurations.restore(admin, staging, restore).await.expect("it is restored");
        assert_eq!((restored.version, told(&restored.origins)), (7, told(&back.origins)));
        assert_eq!(changed(&yard.told_now(staging).await), ["API_TOKEN", "GREETING"]);
        yard.life.end().await;
    }

    async fn what_cant_be_inherited_is_refused_at_its_name_and_nothing_is_saved(test: TestStore) {
        let mut test = test;
        let (yard, staging, _) = Yard::with_heirs(&mut test).await;
        let (admin, developer) = (&yard.life.admin, caller(Role::Developer));
        let hostile = ["PORT", "NO", "", "a/b~", "__proto__"];
        let refused = yard.configurations.inherit(admin, staging, inherit(2, None, &hostile)).await.expect_err("it is refused");
        assert_eq!((refused.code, fields(&refused)), (ErrorCode::ValidationFailed, vec!["/names/0", "/names/1", "/names/2", "/names/3", "/names/4"]));
        let new = NewConfiguration {
            inherit: [("PORT", true), ("a/b", true), ("NO", false)].map(|(name, is)| (name.to_owned(), is)).into(),
            ..values(json!({}), 2)
        };
        let refused = yard.configurations.save(admin, staging, new).await.expect_err("it is refused");
        assert_eq!(fields(&refused), ["/inherit/NO", "/inherit/PORT", "/inherit/a~1b"]);
        let nowhere = yard.configurations.inherit(admin, yard.id, inherit(2, None, &[])).await.expect_err("it is the first");
        assert!(nowhere.message.contains("no environment before"), "{nowhere}");
        let long = ConfigurationInherit { message: "x".repeat(401), ..inherit(2, None, &[]) };
        assert_eq!(fields(&yard.configurations.inherit(admin, staging, long).await.expect_err("it is too long")), ["/message"]);

        // The schema of the heir decides, and so do the rights of who takes it over.
        let schema = json!({"type": "object", "properties": {"WORKERS": {"type": "string"}, "GREETING": {"maxLength": 5}}});
        yard.configurations.set_schema(admin, staging, NewSchema { schema }).await.expect("it is set");
        let told = json!({"GREETING": "too long for it", "API_TOKEN": MASK, "LD_PRELOAD": "/tmp/x.so"});
        yard.base_says(told).await;
        let refused = yard.configurations.inherit(admin, staging, inherit(2, None, &[])).await.expect_err("its schema refuses it");
        assert_eq!(fields(&refused), ["/values/GREETING"]);
        let refused = yard.configurations.inherit(&developer, staging, inherit(2, None, &["LD_PRELOAD"])).await.expect_err("it may not");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        assert_eq!(yard.told_now(staging).await.version, 2);
        let one = yard.configurations.inherit(admin, staging, inherit(2, None, &["LD_PRELOAD"])).await.expect("an Admin may");
        assert_eq!((one.version, changed(&one)), (3, vec!["GREETING"]));
        yard.life.end().await;
    }

    async fn without_its_base_an_heir_keeps_its_values_as_its_own_and_one_that_inherits_nothing_is_told_so(test: TestStore) {
        let mut test = test;
        let (yard, staging, production) = Yard::with_heirs(&mut test).await;
        let admin = &yard.life.admin;
        yard.life.services.delete(admin, staging).await.expect("it is deleted");
        let now = yard.told_now(production).await;
        assert_eq!(now.values, json!({"GREETING": "hello", "API_TOKEN": MASK, "WORKERS": "4"}));
        assert!(now.origins.iter().all(|(_, origin)| matches!(origin, ValueOrigin::Own | ValueOrigin::Default)), "{:?}", now.origins);
        let shown = now.inheritance.expect("it is of an environment");
        assert_eq!((shown.gone.as_deref(), shown.changed.len()), (Some("staging"), 0));
        assert_eq!(shown.base.map(|base| base.environment).as_deref(), Some("development"));
        // It inherits from what is before it now, when it is told to, and nothing but that.
        yard.base_says(json!({"GREETING": "bye", "API_TOKEN": MASK, "MORE": 1})).await;
        let taken = yard.configurations.inherit(admin, production, inherit(2, None, &["GREETING"])).await.expect("it is inherited");
        assert_eq!(told(&taken.origins), [("API_TOKEN", "own"), ("GREETING", "development 3"), ("MORE", "unset"), ("WORKERS", "own")].map(|(name, word)| (name, word.to_owned())));
        assert_eq!((changed(&taken), taken.inheritance.as_ref().and_then(|shown| shown.gone.clone())), (vec![], None));

        // One that was set up before there was anything to inherit inherits nothing until it is told to.
        let restore = ConfigurationRestore { version: 1, current_version: None, message: String::new(), restart: false };
        yard.configurations.restore(admin, production, restore).await.expect("it is as it was found");
        yard.base_says(json!({"GREETING": "another", "API_TOKEN": MASK})).await;
        let now = yard.told_now(production).await;
        assert_eq!((&now.values, changed(&now)), (&json!({}), vec![]));
        assert_eq!(now.inheritance.expect("it is shown").offers.len(), 2);
        yard.life.end().await;
    }

    async fn a_base_that_cant_be_read_is_said_and_keeps_nobody_from_saving(test: TestStore) {
        let mut test = test;
        let (yard, staging, _) = Yard::with_heirs(&mut test).await;
        let base = yard.id;
        // As after the wrong key, or a change in the database.
        let spoil = "UPDATE configuration_versions SET sealed = (SELECT sealed FROM configuration_versions WHERE service_id = $1 AND version = 1)
            WHERE service_id = $1 AND version = 2";
        yard.life.core.store.main.write(move |db| Box::pin(async move { execute!(db, spoil, base.0)?; Ok(()) })).await.expect("it is spoilt");
        let yard = yard.again(&test).await;
        let admin = &yard.life.admin;
        let now = yard.told_now(staging).await;
        let shown = now.inheritance.expect("it is of an environment");
        assert!(shown.problem.is_some_and(|why| why.contains("can't be read")) && shown.changed.is_empty());
        assert_eq!(yard.variable(staging, "API_TOKEN").as_deref(), Some("hunter2-secret"), "it is told what it was told");
        let refused = yard.configurations.inherit(admin, staging, inherit(2, None, &["GREETING"])).await.expect_err("nothing is known of it");
        assert_eq!(refused.code, ErrorCode::Conflict);
        let saved = yard.configurations.save(admin, staging, values(json!({"GREETING": "mine", "API_TOKEN": MASK}), 2)).await.expect("it is saved");
        let expected = [("API_TOKEN", "development 2"), ("GONE", "unset"), ("GREETING", "own"), ("WORKERS", "unset")];
        assert_eq!(told(&saved.origins), expected.map(|(name, word)| (name, word.to_owned())));
        yard.life.end().await;
    }

    async fn taking_over_is_one_commit(test: TestStore) {
        let mut test = test;
        let (yard, staging, _) = Yard::with_heirs(&mut test).await;
        yard.base_says(json!({"GREETING": "bye", "API_TOKEN": "newer-secret"})).await;
        let before = yard.told_now(staging).await;
        // What is written first can't be kept, as on a full disk or when it is killed there: a later part of it isn't either.
        let taken = "INSERT INTO configuration_versions (service_id, version, kind, created_at, created_by, message, key_id, sealed)
            SELECT service_id, 3, kind, created_at, created_by, message, key_id, sealed FROM configuration_versions
            WHERE service_id = $1 AND version = 2";
        let write = |statement: &'static str| yard.life.core.store.main.write(move |db| Box::pin(async move { execute!(db, statement, staging.0)?; Ok(()) }));
        write(taken).await.expect("it is in the way");
        let admin = &yard.life.admin;
        yard.configurations.inherit(admin, staging, inherit(2, None, &[])).await.expect_err("it can't be kept");
        write("DELETE FROM configuration_versions WHERE service_id = $1 AND version = 3").await.expect("it is out of the way");
        assert_eq!(yard.told_now(staging).await, before);
        let yard = yard.again(&test).await;
        assert_eq!(yard.told_now(staging).await, before);
        assert_eq!(yard.variable(staging, "API_TOKEN").as_deref(), Some("hunter2-secret"));
        let taken = yard.configurations.inherit(&yard.life.admin, staging, inherit(2, None, &[])).await.expect("it is taken over");
        let yard = yard.again(&test).await;
        assert_eq!(yard.told_now(staging).await, taken);
        yard.life.end().await;
    }

    async fn what_a_deployment_sets_is_its_own_and_a_rollback_inherits_again(test: TestStore) {
        let mut test = test;
        let (yard, staging, _) = Yard::with_heirs(&mut test).await;
        let first = yard.to("staging", None).await;
        let configuration = DeploymentConfiguration { values: [("GREETING".to_owned(), json!("set"))].into(), ..Default::default() };
        let new = NewDeployment { target_environment: Some("staging".into()), configuration, ..NewDeployment::default() };
        let second = yard.over(yard.deploy(new).await).await;
        assert_eq!(second.status, DeploymentStatus::Succeeded, "{second:#?}");
        let now = yard.told_now(staging).await;
        assert_eq!((now.values["GREETING"].as_str(), &now.origins["GREETING"]), (Some("set"), &ValueOrigin::Own));
        let back = yard.manager.rollback(&yard.life.admin, first.id, NewRollback::default()).await.expect("it is taken on");
        assert_eq!(yard.over(back.deployment_id).await.status, DeploymentStatus::Succeeded);
        let now = yard.told_now(staging).await;
        assert_eq!((now.values["GREETING"].as_str(), told(&now.origins)[2].1.as_str()), (Some("hello"), "development 2"));
        yard.life.end().await;
    }

    async fn what_the_files_of_a_base_say_is_inherited_too_and_looked_at_when_somebody_asks(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.environments(&["staging"]).await;
        let staging = yard.set_up_in("staging").await;
        let now = yard.told_now(staging).await;
        assert_eq!(told(&now.origins), [("API_TOKEN", "development 1".to_owned()), ("GREETING", "development 1".to_owned())]);
        assert_eq!(told(&yard.told_now(yard.id).await.origins), [("API_TOKEN", "file".to_owned()), ("GREETING", "file".to_owned())]);
        write(&yard.source().join(".env"), "GREETING=bye\nAPI_TOKEN=hunter2-secret\n");
        assert_eq!(changed(&yard.told_now(staging).await), ["GREETING"]);
        let listed = async |show| {
            let query = ConfigurationsQuery { show, ..ConfigurationsQuery::default() };
            let items = yard.configurations.list(&caller(Role::Viewer), query).await.expect("they are listed").items;
            items.into_iter().map(|one| one.inherited_changes).collect::<Vec<_>>()
        };
        assert_eq!(listed(None).await, [None, None], "no folder is read");
        assert_eq!(listed(Some(ConfigurationsShow::InheritedChanged)).await, [Some(1)]);
        let taken = yard.configurations.inherit(&yard.life.admin, staging, inherit(2, Some(1), &[])).await.expect("it is taken over");
        assert_eq!((taken.values["GREETING"].as_str(), changed(&taken)), (Some("bye"), vec![]));
        yard.life.end().await;
    }
}
