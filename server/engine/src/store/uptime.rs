//! The table of hours in which services were up and down.

use api::{ServiceId, UptimeHour, uptime};

use super::{Conn, Result, execute, on};

/// Adds to an hour of a service.
pub async fn uptime_add(db: &mut Conn, id: ServiceId, hour: &UptimeHour) -> Result<()> {
    let statement = "INSERT INTO uptime_hours (service_id, hour, up_seconds, down_seconds) VALUES ($1, $2, $3, $4)
         ON CONFLICT (service_id, hour) DO UPDATE SET up_seconds = uptime_hours.up_seconds + excluded.up_seconds,
             down_seconds = uptime_hours.down_seconds + excluded.down_seconds";
    execute!(db, statement, id.0, uptime::hour(hour.at), i64::from(hour.up_seconds), i64::from(hour.down_seconds))?;
    Ok(())
}

/// The hours of a service from `first` on, oldest first.
pub async fn uptime_list(db: &mut Conn, id: ServiceId, first: i64) -> Result<Vec<UptimeHour>> {
    let statement = "SELECT hour, up_seconds, down_seconds FROM uptime_hours WHERE service_id = $1 AND hour >= $2 ORDER BY hour";
    let rows: Vec<(i64, i64, i64)> = on!(db, |db| sqlx::query_as(statement).bind(id.0).bind(first).fetch_all(db).await)?;
    let seconds = |count: i64| u32::try_from(count).unwrap_or_default();
    let hour = |(hour, up, down)| UptimeHour { at: uptime::begin(hour), up_seconds: seconds(up), down_seconds: seconds(down) };
    Ok(rows.into_iter().map(hour).collect())
}

/// Removes all hours before `first`, and answers how many.
pub async fn uptime_delete_before(db: &mut Conn, first: i64) -> Result<u64> {
    Ok(execute!(db, "DELETE FROM uptime_hours WHERE hour < $1", first)?)
}

/// Removes all of a service, and answers how many.
pub async fn uptime_delete_of(db: &mut Conn, id: ServiceId) -> Result<u64> {
    Ok(execute!(db, "DELETE FROM uptime_hours WHERE service_id = $1", id.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::on_each_store;

    on_each_store! {
        async fn hours_add_up_and_are_removed(test: TestStore) {
            let store = test.open().await;
            let [one, other] = [1, 2].map(|n| ServiceId(uuid::Uuid::from_u128(n)));
            let hour = |at, up_seconds, down_seconds| UptimeHour { at: uptime::begin(at), up_seconds, down_seconds };
            let added = [(one, hour(5, 50, 10)), (one, hour(5, 55, 0)), (one, hour(6, 0, 60)), (other, hour(4, 1, 1))];
            let write = store.telemetry.write(move |db| Box::pin(async move {
                for (id, hour) in &added {
                    uptime_add(db, *id, hour).await?;
                }
                Ok(())
            }));
            write.await.expect("hours are written");
            let mut db = store.telemetry.read().await.expect("a connection");
            assert_eq!(uptime_list(&mut db, one, 0).await.expect("hours"), [hour(5, 105, 10), hour(6, 0, 60)]);
            assert_eq!(uptime_list(&mut db, one, 6).await.expect("hours"), [hour(6, 0, 60)]);
            drop(db);
            let removed = store.telemetry.write(move |db| Box::pin(async move {
                Ok((uptime_delete_before(db, 6).await?, uptime_delete_of(db, one).await?))
            }));
            assert_eq!(removed.await.expect("removed"), (2, 1));
        }
    }
}
