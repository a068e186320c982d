//! Which values of secrets a service is given that is taken back.

use std::sync::Arc;

use api::ports::{Deployments as _, Secrets as _, Services as _};
use api::{
    DeploymentId, DeploymentLinesQuery, DeploymentStatus, EarlierSecret, NewDeployment, NewRollback, NewSecret, ReleaseDifferenceQuery,
    Secret, ServicePatch, Stage, Status,
};

use super::super::live::lock;
use super::Yard;
use crate::on_each_store;
use crate::secrets;
use crate::services::tests::{MAIN, write};
use crate::store::execute;
use crate::store::secret_values::secret_value_list;
use crate::testing::TestStore;

const NAME: &str = "orders.db";

impl Yard {
    /// One whose service is told a secret.
    async fn told_a_secret(test: &mut TestStore) -> Self {
        let yard = Self::begin(test).await;
        yard.set("value one").await;
        let environment = [("DB".to_owned(), format!("${{secret:{NAME}}}"))].into();
        let patch = ServicePatch { environment: Some(environment), ..ServicePatch::default() };
        yard.life.services.change(&yard.life.admin, yard.id, patch).await.expect("it is changed");
        yard.deployed().await;
        yard
    }

    async fn secrets(&self) -> Arc<secrets::Manager> {
        let accounts = crate::auth::Manager::new(self.life.core.clone());
        secrets::Manager::open(self.life.core.clone(), accounts).await.expect("they are read")
    }

    /// Sets the secret, some time after what was before.
    async fn set(&self, value: &str) {
        self.life.clock.advance(2);
        let new = NewSecret { value: Some(Secret::new(value)), ..NewSecret::default() };
        self.secrets().await.put(&self.life.admin, NAME.parse().expect("a name"), new).await.expect("it is set");
        self.life.clock.advance(2);
    }

    /// What it is told after one more start.
    async fn told(&self) -> String {
        let before = self.life.runtime.launches(self.id).len();
        self.life.services.restart(&self.life.admin, self.id).await.expect("it is restarted");
        while self.life.runtime.launches(self.id).len() == before {
            tokio::task::yield_now().await;
        }
        self.life.until(self.id, Status::Running).await;
        self.launched().1["DB"].clone()
    }

    /// Goes back; answers what its lines say of secrets.
    async fn go_back(&self, release: u64, present_secrets: bool) -> Vec<String> {
        let all = self.manager.releases(&self.life.admin, self.id).await.expect("they are listed").items;
        let to = all.iter().find(|one| one.number == release).expect("it is kept").deployment_id;
        let new = NewRollback { present_secrets, ..NewRollback::default() };
        let id = self.manager.rollback(&self.life.admin, to, new).await.expect("it is taken on").deployment_id;
        let back = self.over(id).await;
        assert_eq!(back.status, DeploymentStatus::Succeeded, "{back:#?}");
        self.said(id).await
    }

    async fn said(&self, id: DeploymentId) -> Vec<String> {
        let lines = self.manager.lines(&self.life.admin, id, DeploymentLinesQuery::default()).await.expect("they are listed").items;
        lines.into_iter().map(|line| line.message).filter(|line| line.contains("secrets")).collect()
    }

    async fn earlier(&self) -> Vec<EarlierSecret> {
        self.manager.releases(&self.life.admin, self.id).await.expect("they are listed").secrets
    }

    /// Whether it says that it doesn't run wholly what its release says.
    async fn is_changed(&self) -> bool {
        self.manager.releases(&self.life.admin, self.id).await.expect("they are listed").is_changed
    }

    async fn later(&self, release: u64) -> Vec<EarlierSecret> {
        let query = ReleaseDifferenceQuery { from: None, to: Some(release) };
        self.manager.difference(&self.life.admin, self.id, query).await.expect("they are compared").secrets
    }

    async fn kept(&self) -> Vec<i64> {
        let mut db = self.life.core.store.main.read().await.expect("a connection");
        let rows = secret_value_list(&mut db, Some(NAME)).await.expect("they are read");
        rows.into_iter().map(|row| row.version).collect()
    }
}

fn one(version: u64, present: u64, is_kept: bool) -> Vec<EarlierSecret> {
    vec![EarlierSecret { name: NAME.into(), version, present: Some(present), is_kept }]
}

on_each_store! {
    async fn going_back_gives_a_service_the_secrets_of_then_until_it_is_let_go(test: TestStore) {
        let mut test = test;
        let mut yard = Yard::told_a_secret(&mut test).await;
        assert_eq!(yard.launched().1["DB"], "value one");
        yard.set("value two").await;
        assert_eq!(yard.told().await, "value two", "what was deployed takes the present ones");
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        yard.deployed().await;
        yard.set("value three").await;
        yard.set("value four").await;
        assert_eq!(yard.kept().await, [1, 2, 3], "those of the releases, and the one before the present");
        yard.set("value five").await;
        assert_eq!(yard.kept().await, [1, 2, 4]);
        assert_eq!((yard.later(1).await, yard.later(2).await), (one(1, 5, true), one(2, 5, true)));
        assert_eq!(yard.earlier().await, []);

        assert!(yard.is_changed().await, "it is given another one at its next start");
        assert_eq!(yard.go_back(1, false).await, ["it is given secrets as they were: orders.db (version 1, now 5)"]);
        assert_eq!((yard.launched().1["DB"].as_str(), yard.earlier().await), ("value one", one(1, 5, true)));
        assert!(!yard.is_changed().await, "it is given what its release says");
        yard.set("value six").await;
        assert_eq!((yard.told().await.as_str(), yard.earlier().await), ("value one", one(1, 6, true)));
        yard.secrets().await.rotate(&yard.life.admin).await.expect("everything is sealed anew");
        yard = yard.again(&test).await;
        assert_eq!((yard.told().await.as_str(), yard.earlier().await), ("value one", one(1, 6, true)), "also after a restart of Pilothouse");
        yard.secrets().await;
        let line = yard.life.core.mask.hide_text("value one, value two, value six".into());
        assert!(!line.contains("one") && !line.contains("two") && !line.contains("six"), "{line}");

        let let_go = yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is let go");
        assert_eq!((let_go.held, let_go.secrets), (None, vec![]));
        assert_eq!(yard.told().await, "value six");
        yard.go_back(2, false).await;
        assert_eq!(yard.launched().1["DB"], "value two");
        assert!(yard.go_back(1, true).await.is_empty(), "there is nothing to say");
        assert_eq!((yard.launched().1["DB"].as_str(), yard.earlier().await), ("value six", vec![]), "as it was asked for");
        yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is let go");
        yard.go_back(2, false).await;
        yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is let go");
        yard.deployed().await;
        assert_eq!((yard.launched().1["DB"].as_str(), yard.earlier().await), ("value six", vec![]));
        yard.life.end().await;
    }

    async fn of_a_secret_that_was_deleted_nothing_is_kept(test: TestStore) {
        let mut test = test;
        let yard = Yard::told_a_secret(&mut test).await;
        yard.set("value two").await;
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        yard.deployed().await;
        let name: api::SecretName = NAME.parse().expect("a name");
        yard.secrets().await.delete(&yard.life.admin, name.clone(), true).await.expect("it is deleted");
        assert_eq!(yard.kept().await, Vec::<i64>::new());
        assert_eq!(yard.later(1).await, [EarlierSecret { name: NAME.into(), version: 1, present: None, is_kept: false }]);
        for value in ["another one", "another two", "another three"] {
            yard.set(value).await;
        }
        assert_eq!(yard.later(1).await, one(1, 3, false), "its first version is another one");
        assert_eq!(yard.later(2).await, one(2, 3, false));
        yard.go_back(1, false).await;
        assert_eq!((yard.launched().1["DB"].as_str(), yard.earlier().await), ("another three", vec![]));
        // With a service its releases go, and what only they needed.
        yard.manager.forget_all(yard.id).await.expect("it is forgotten");
        assert_eq!(yard.kept().await, [2]);
        yard.life.end().await;
    }

    async fn one_whose_release_can_not_be_read_is_deployed_again(test: TestStore) {
        let mut test = test;
        let yard = Yard::told_a_secret(&mut test).await;
        let statement = "UPDATE releases SET sealed = $1";
        let write = yard.life.core.store.main.write(move |db| Box::pin(async move { Ok(execute!(db, statement, &[1_u8, 2][..])?) }));
        assert_eq!(write.await.expect("it is written"), 1);
        let yard = yard.again(&test).await;
        assert!(yard.life.services.pinned(yard.id).is_err());
        yard.deployed().await;
        assert_eq!(yard.launched().1["DB"], "value one");
        yard.life.end().await;
    }

    async fn what_is_undone_is_given_what_it_ran_with(test: TestStore) {
        let mut test = test;
        let yard = Yard::told_a_secret(&mut test).await;
        let fails = |stage| *lock(&yard.manager.faults.fails) = stage;
        // With the same secrets nothing is held.
        fails(Some(Stage::HealthCheck));
        let undone = yard.over(yard.deploy(NewDeployment::default()).await).await;
        assert_eq!((undone.status, yard.earlier().await), (DeploymentStatus::RolledBack, vec![]));
        yard.set("a wrong value").await;
        let undone = yard.over(yard.deploy(NewDeployment::default()).await).await;
        let launches = yard.life.runtime.launches(yard.id);
        let told: Vec<_> = launches.iter().rev().take(2).map(|launch| launch.environment["DB"].as_str()).collect();
        assert_eq!((undone.status, &told[..]), (DeploymentStatus::RolledBack, &["value one", "a wrong value"][..]), "{undone:#?}");
        assert_eq!(yard.said(undone.id).await, ["it is given secrets as they were: orders.db (version 1, now 2)"]);
        let releases = yard.manager.releases(&yard.life.admin, yard.id).await.expect("they are listed");
        assert_eq!((releases.held, releases.secrets), (None, one(1, 2, true)));
        assert_eq!(yard.told().await, "value one", "and keeps it");
        // What is set meanwhile is given to it once it is asked for.
        yard.set("a right value").await;
        let undone = yard.over(yard.deploy(NewDeployment::default()).await).await;
        assert_eq!((undone.status, yard.told().await.as_str()), (DeploymentStatus::RolledBack, "value one"));
        yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it takes the present one");
        assert_eq!(yard.told().await, "a right value");
        let refused = yard.manager.let_go(&yard.life.admin, yard.id).await.expect_err("there is nothing to let go");
        assert!(refused.message.contains("isn't held"), "{}", refused.message);
        fails(None);
        yard.deployed().await;
        assert_eq!(yard.launched().1["DB"], "a right value");
        yard.life.end().await;
    }
}
