//! The backups of the fake: a file that says nothing.

use api::ports::{Backup, Backups, Pieces};
use api::*;
use async_trait::async_trait;

use super::{Fake, NOW};

struct Once(Option<Vec<u8>>);

#[async_trait]
impl Pieces for Once {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.0.take())
    }
}

#[async_trait]
impl Backups for Fake {
    async fn back_up(&self, caller: &Caller, new: NewBackup) -> Result<Backup> {
        caller.require(Permission::ConfigBackup)?;
        match new.password.reveal() {
            "right" => Ok(Backup { file_name: "pilothouse.backup".into(), bytes: 6, content: Box::new(Once(Some(b"sealed".to_vec()))) }),
            _ => Err(Error::invalid("/password", "that isn't your present password")),
        }
    }

    async fn restore(&self, caller: &Caller, how: NewRestore, _: Box<dyn Pieces>) -> Result<RestoreReport> {
        caller.require(Permission::ConfigBackup)?;
        let one = |name: &str| RestoredService { name: name.into(), environment: "development".into(), ..RestoredService::default() };
        let services = vec![
            RestoredService {
                service_id: Some(ServiceId(uuid::Uuid::from_u128(1))),
                present: 2,
                added: 3,
                saved: how.newest.then_some(7),
                ..one("orders")
            },
            RestoredService { problem: Some("there is no service with its id or name".into()), ..one("gone <b>") },
        ];
        let secrets = vec![RestoredSecret { name: "orders.db".into(), outcome: RestoredSecretOutcome::Kept }];
        Ok(RestoreReport { made_at: NOW, made_by: "anna".into(), dry_run: how.dry_run, services, secrets })
    }
}
