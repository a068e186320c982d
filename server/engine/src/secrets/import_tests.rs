//! Secrets from a `.env` text, on both databases.

use std::sync::Arc;

use api::SecretImportOutcome::{Changed, LeftOut, Made, Present};
use api::ports::Secrets;
use api::{
    Caller, ErrorCode, EventKind, EventQuery, NewSecret, Role, Secret, SecretImport, SecretImportOutcome, SecretImportReport, SecretPick,
    Timestamp,
};

use super::{Manager, Vault};
use crate::store::secrets::secret_list;
use crate::testing::TestStore;
use crate::{Clock, Core, auth, on_each_store};

const TEXT: &str = "# of orders\nPORT=8000\nDB_PASSWORD=\"s3cret one\"\nexport API_KEY='two\nlines'\nDATABASE_URL=postgres://u:hunter2@db/x\nTOKEN=${secret:there}\nEMPTY_TOKEN=\n";

async fn instance(test: &TestStore) -> (Arc<Core>, Arc<Manager>) {
    let core = test.core(Clock::stopped(Timestamp::from_micros(1_800_000_000_000_000))).await;
    let accounts = auth::Manager::new(core.clone());
    let manager = Manager::open(core.clone(), accounts).await.expect("the secrets are read");
    (core, manager)
}

fn import(text: &str, pick: Option<Vec<SecretPick>>, dry_run: bool) -> SecretImport {
    SecretImport { env: Secret::new(text), pick, dry_run }
}

fn pick(variable: &str, name: Option<&str>, overwrite: bool) -> SecretPick {
    SecretPick { variable: variable.into(), name: name.map(str::to_owned), overwrite }
}

fn outcomes(report: &SecretImportReport) -> Vec<(u64, &str, &str, SecretImportOutcome)> {
    report.items.iter().map(|item| (item.line, item.variable.as_str(), item.name.as_str(), item.outcome)).collect()
}

/// Every secret with its value and version, in the order of their names.
async fn all(core: &Core) -> Vec<(String, String, i64)> {
    let mut all = Vec::new();
    for row in secret_list(&mut core.store.main.read().await.expect("a connection")).await.expect("rows") {
        let value = Vault::of(core).value(&row).await.expect("it opens").reveal().to_owned();
        all.push((row.name, value, row.version));
    }
    all.sort();
    all
}

fn secret(name: &str, value: &str, version: i64) -> (String, String, i64) {
    (name.into(), value.into(), version)
}

on_each_store! {
    async fn what_looks_like_a_secret_is_proposed_and_made_in_one_go_without_a_value_in_the_answer(test: TestStore) {
        let (core, manager) = instance(&test).await;
        let ann = Caller { user_id: None, name: "ann".into(), role: Role::Developer, session_id: None, only: None, token: None };
        let expected = [
            (2, "PORT", "PORT", LeftOut),
            (3, "DB_PASSWORD", "DB_PASSWORD", Made),
            (4, "API_KEY", "API_KEY", Made),
            (6, "DATABASE_URL", "DATABASE_URL", Made),
            (7, "TOKEN", "TOKEN", LeftOut),
            (8, "EMPTY_TOKEN", "EMPTY_TOKEN", LeftOut),
        ];
        let plan = manager.import(&ann, import(TEXT, None, true)).await.expect("it is planned");
        assert!(plan.dry_run && all(&core).await.is_empty());
        assert_eq!(outcomes(&plan), expected);
        let done = manager.import(&ann, import(TEXT, None, false)).await.expect("they are made");
        assert_eq!((done.dry_run, outcomes(&done)), (false, expected.to_vec()));
        assert!(!format!("{plan:?}{done:?}").contains("s3cret"));
        let url = "postgres://u:hunter2@db/x";
        assert_eq!(all(&core).await, [secret("API_KEY", "two\nlines", 1), secret("DATABASE_URL", url, 1), secret("DB_PASSWORD", "s3cret one", 1)]);
        assert_ne!(core.mask.hide_text("s3cret one".into()), "s3cret one", "they are hidden in logs from now on");
        let events = core.events.list(&EventQuery::default(), true).await.expect("events").items;
        assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::SecretSet; 3], "one for each");
        assert!(events.iter().all(|event| event.actor.as_deref() == Some("ann")) && !format!("{events:?}").contains("s3cret"));
    }

    async fn names_are_chosen_and_a_secret_that_is_there_is_only_changed_when_that_is_said(test: TestStore) {
        let (core, manager) = instance(&test).await;
        let caller = Caller::system();
        let kept = NewSecret { value: Some(Secret::new("old")), description: Some("of orders".into()), version: None };
        for name in ["orders.db", "API_KEY"] {
            manager.put(&caller, name.parse().expect("a name"), kept.clone()).await.expect("it is set");
        }
        let picks = |overwrite| Some(vec![pick("DB_PASSWORD", Some("orders.db"), overwrite), pick("API_KEY", None, false), pick("PORT", Some("port"), false)]);
        let plan = manager.import(&caller, import(TEXT, picks(false), true)).await.expect("it is planned");
        let of = |report: &SecretImportReport| report.items.iter().map(|item| (item.is_present, item.outcome)).collect::<Vec<_>>();
        assert_eq!(of(&plan)[..4], [(false, Made), (true, Present), (true, Present), (false, LeftOut)]);
        let done = manager.import(&caller, import(TEXT, picks(true), false)).await.expect("they are made");
        assert_eq!(of(&done)[..4], [(false, Made), (true, Changed), (true, Present), (false, LeftOut)]);
        assert_eq!(all(&core).await, [secret("API_KEY", "old", 1), secret("orders.db", "s3cret one", 2), secret("port", "8000", 1)]);
        let listed = manager.list(&caller).await.expect("they are listed");
        assert_eq!(listed[1].description.as_deref(), Some("of orders"), "what is said of it stays");
    }

    async fn a_line_or_a_name_that_is_wrong_is_named_and_nothing_is_written(test: TestStore) {
        let (core, manager) = instance(&test).await;
        let caller = Caller::system();
        let long = format!("A_TOKEN=1\nB_TOKEN={}\n", "x".repeat((64 << 10) + 1));
        let many = (0..501).map(|n| format!("V{n}=x\n")).collect::<String>();
        for (text, picks, said) in [
            ("A_TOKEN=s3cret\nnonsense\n", None, "line 2 is not of the form"),
            ("A_TOKEN=s3cret\nB_TOKEN=\"s3cret\n", None, "line 2 has a value whose quote"),
            ("A_TOKEN=s3cret\nA_TOKEN=two\n", None, "line 2 sets A_TOKEN again"),
            ("A_TOKEN=s3cret\nB=x", Some(vec![pick("A_TOKEN", None, false), pick("B", Some("a b"), false)]), "line 2, B: the name of a secret"),
            ("A_TOKEN=s3cret\nB=x", Some(vec![pick("A_TOKEN", None, false), pick("B", Some("import"), false)]), "line 2, B: a secret can't be named"),
            ("A_TOKEN=s3cret\nB=x", Some(vec![pick("A_TOKEN", Some("x"), false), pick("B", Some("x"), false)]), "line 2, B: 'x' is the name for line 1"),
            ("A_TOKEN=s3cret\nB=", Some(vec![pick("A_TOKEN", None, false), pick("B", None, false)]), "line 2, B: the value of a secret"),
            ("A_TOKEN=s3cret", Some(vec![pick("A_TOKEN", None, false), pick("C", None, false)]), "no variable C"),
            ("A_TOKEN=s3cret", Some(vec![pick("A_TOKEN", None, false), pick("A_TOKEN", None, false)]), "picked twice"),
            (&long, None, "line 2, B_TOKEN: the value of a secret"),
            (&many, None, "501 variables"),
            ("# nothing\n", None, "no variable"),
        ] {
            let error = manager.import(&caller, import(text, picks, false)).await.expect_err("it is refused");
            assert_eq!(error.code, ErrorCode::ValidationFailed, "{error}");
            assert!(error.message.contains(said) && !error.message.contains("s3cret"), "{said}: {error}");
            assert_eq!(all(&core).await, [], "{said}");
        }
        let viewer = Caller { role: Role::Viewer, ..caller };
        assert_eq!(manager.import(&viewer, import("nonsense", None, true)).await.expect_err("it is refused").code, ErrorCode::Forbidden);
    }
}
