//! The table of runs that ended by themselves.

use api::{Incident, IncidentId, IncidentSummary, ServiceId};

use super::{Conn, Error, Result, execute, on};

/// Adds an incident.
pub async fn incident_add(db: &mut Conn, incident: &Incident) -> Result<()> {
    let (summary, detail) = (json(&incident.summary)?, json(incident)?);
    let IncidentSummary { id, service_id, at, .. } = &incident.summary;
    let statement = "INSERT INTO incidents (id, service_id, at, summary, detail) VALUES ($1, $2, $3, $4, $5)";
    execute!(db, statement, id.0, service_id.0, at.micros(), summary, detail)?;
    Ok(())
}

/// The incidents of a service, newest first.
pub async fn incident_list(db: &mut Conn, id: ServiceId) -> Result<Vec<IncidentSummary>> {
    let statement = "SELECT summary FROM incidents WHERE service_id = $1 ORDER BY at DESC, id DESC";
    let rows: Vec<(String,)> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_all(db).await)?;
    rows.iter().map(|(text,)| parse(text)).collect()
}

/// The incident of that id.
pub async fn incident_find(db: &mut Conn, id: IncidentId) -> Result<Option<Incident>> {
    let statement = "SELECT detail FROM incidents WHERE id = $1";
    let row: Option<(String,)> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_optional(db).await)?;
    row.map(|(text,)| parse(&text)).transpose()
}

/// Removes all incidents of a service but the newest so many, and answers how many.
pub async fn incident_keep(db: &mut Conn, id: ServiceId, newest: u32) -> Result<u64> {
    let statement = "DELETE FROM incidents WHERE service_id = $1 AND id NOT IN
        (SELECT id FROM incidents WHERE service_id = $1 ORDER BY at DESC, id DESC LIMIT $2)";
    Ok(execute!(db, statement, id.0, i64::from(newest))?)
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "incident_not_serialised");
        Error::Refused(api::Error::internal())
    })
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        tracing::error!(%error, "incident_not_readable");
        Error::Refused(api::Error::internal())
    })
}

#[cfg(test)]
mod tests {
    use api::{Diagnosis, Fix, Incident, IncidentId, IncidentSummary, ServiceId, Timestamp};

    use super::{incident_add, incident_find, incident_keep, incident_list};
    use crate::on_each_store;

    fn incident(id: u128, service: u128, at: i64) -> Incident {
        let service_id = ServiceId(uuid::Uuid::from_u128(service));
        let fix = Fix::Start { label: "Start it again".into(), service_id };
        let summary = IncidentSummary {
            id: IncidentId(uuid::Uuid::from_u128(id)),
            service_id,
            at: Timestamp::from_micros(at),
            code: Some(1),
            signal: None,
            oom: false,
            reason: "exited with code 1".into(),
            cause: Some("the disk is full".into()),
        };
        let cause = Diagnosis { rule: "disk-full".into(), cause: "the disk is full".into(), fixes: vec![fix], ..Diagnosis::default() };
        Incident { summary, started_at: None, diagnosis: vec![cause], lines: vec!["ENOSPC".into()], figures: Vec::new() }
    }

    on_each_store! {
        async fn incidents_are_read_as_they_were_written_and_the_oldest_go(test: TestStore) {
            let store = test.open().await;
            let all = [incident(1, 1, 10), incident(2, 1, 30), incident(3, 1, 20), incident(4, 2, 5)];
            let add = all.clone();
            store.main.write(move |db| Box::pin(async move {
                for incident in &add {
                    incident_add(db, incident).await?;
                }
                Ok(())
            })).await.expect("they are written");
            let service = all[0].summary.service_id;
            let mut db = store.main.read().await.expect("a connection");
            let listed = incident_list(&mut db, service).await.expect("they are listed");
            assert_eq!(listed, [&all[1], &all[2], &all[0]].map(|incident| incident.summary.clone()));
            assert_eq!(incident_find(&mut db, all[2].summary.id).await.expect("it is read"), Some(all[2].clone()));
            assert_eq!(incident_find(&mut db, IncidentId(uuid::Uuid::from_u128(9))).await.expect("none"), None);
            drop(db);
            let removed = store.main.write(move |db| Box::pin(incident_keep(db, service, 2))).await;
            assert_eq!(removed.expect("they are removed"), 1);
            let mut db = store.main.read().await.expect("a connection");
            assert_eq!(incident_list(&mut db, service).await.expect("they are listed").len(), 2);
            assert_eq!(incident_list(&mut db, all[3].summary.service_id).await.expect("they are listed").len(), 1, "others stay");
        }
    }
}
