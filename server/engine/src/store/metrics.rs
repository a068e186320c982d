//! Samples of services, packed in chunks. Only [`crate::monitoring`] knows what is in them.

use uuid::Uuid;

use super::{Conn, Result, execute, on};

/// Seconds between samples as they were taken.
pub const RAW: i64 = 5;

/// Seconds between samples that were rolled up.
pub const MINUTE: i64 = 60;

/// One chunk.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ChunkRow {
    /// The service.
    pub service_id: Uuid,
    /// [`RAW`] or [`MINUTE`].
    pub resolution: i64,
    /// Microseconds of the first sample.
    pub started_at: i64,
    /// Microseconds of the last sample.
    pub ended_at: i64,
    /// The samples, packed.
    pub samples: Vec<u8>,
}

/// Puts a chunk in, in place of an earlier state of it.
pub async fn chunk_put(db: &mut Conn, chunk: &ChunkRow) -> Result<()> {
    let statement = "INSERT INTO metric_chunks (service_id, resolution, started_at, ended_at, samples) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (service_id, resolution, started_at) DO UPDATE SET ended_at = excluded.ended_at, samples = excluded.samples";
    let ChunkRow { service_id, resolution, started_at, ended_at, samples } = chunk;
    execute!(db, statement, service_id, resolution, started_at, ended_at, samples)?;
    Ok(())
}

/// The chunks of a service that have samples in `from..=to` microseconds, at all resolutions, by beginning. None is longer than
/// `longest` microseconds, so that the key finds them.
pub async fn chunk_list(db: &mut Conn, service_id: Uuid, from: i64, to: i64, longest: i64) -> Result<Vec<ChunkRow>> {
    let statement = "SELECT service_id, resolution, started_at, ended_at, samples FROM metric_chunks
         WHERE service_id = $1 AND resolution IN (5, 60) AND started_at BETWEEN $2 AND $3 AND ended_at >= $4 ORDER BY started_at";
    let earliest = from.saturating_sub(longest);
    Ok(on!(db, |db| sqlx::query_as(statement).bind(service_id).bind(earliest).bind(to).bind(from).fetch_all(db).await)?)
}

/// At most `limit` chunks of a resolution that ended before `end`, the oldest services' beginnings first.
pub async fn chunk_list_ended(db: &mut Conn, resolution: i64, end: i64, limit: i64) -> Result<Vec<ChunkRow>> {
    let statement = "SELECT service_id, resolution, started_at, ended_at, samples FROM metric_chunks
         WHERE resolution = $1 AND ended_at < $2 ORDER BY service_id, started_at LIMIT $3";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(resolution).bind(end).bind(limit).fetch_all(db).await)?)
}

/// Removes one chunk.
pub async fn chunk_delete(db: &mut Conn, service_id: Uuid, resolution: i64, started_at: i64) -> Result<bool> {
    let statement = "DELETE FROM metric_chunks WHERE service_id = $1 AND resolution = $2 AND started_at = $3";
    Ok(execute!(db, statement, service_id, resolution, started_at)? == 1)
}

/// Removes all that ended before `end`, and answers how many.
pub async fn chunk_delete_ended(db: &mut Conn, end: i64) -> Result<u64> {
    Ok(execute!(db, "DELETE FROM metric_chunks WHERE resolution IN (5, 60) AND ended_at < $1", end)?)
}

/// Removes all of a service, and answers how many.
pub async fn chunk_delete_of(db: &mut Conn, service_id: Uuid) -> Result<u64> {
    Ok(execute!(db, "DELETE FROM metric_chunks WHERE service_id = $1", service_id)?)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::on_each_store;

    fn chunk(service: u128, resolution: i64, started_at: i64, ended_at: i64) -> ChunkRow {
        ChunkRow { service_id: Uuid::from_u128(service), resolution, started_at, ended_at, samples: vec![0, 255, started_at as u8] }
    }

    on_each_store! {
        async fn chunks_are_replaced_found_by_time_and_removed(test: TestStore) {
            let store = test.open().await;
            let chunks = [chunk(1, RAW, 100, 150), chunk(1, RAW, 100, 190), chunk(1, RAW, 200, 290), chunk(1, MINUTE, 10, 90), chunk(2, RAW, 100, 190)];
            let written = chunks.clone();
            let write = store.telemetry.write(move |db| Box::pin(async move {
                for chunk in &written {
                    chunk_put(db, chunk).await?;
                }
                Ok(())
            }));
            write.await.expect("chunks are written");
            let mut db = store.telemetry.read().await.expect("a connection");
            let one = Uuid::from_u128(1);
            assert_eq!(chunk_list(&mut db, one, 0, 1_000, 600).await.expect("chunks"), [&chunks[3], &chunks[1], &chunks[2]].map(Clone::clone));
            assert_eq!(chunk_list(&mut db, one, 190, 199, 600).await.expect("chunks"), [chunks[1].clone()]);
            assert_eq!(chunk_list_ended(&mut db, RAW, 200, 10).await.expect("chunks"), [chunks[1].clone(), chunks[4].clone()]);
            assert_eq!(chunk_list_ended(&mut db, RAW, 1_000, 1).await.expect("chunks").len(), 1);
            drop(db);
            let removed = store.telemetry.write(move |db| Box::pin(async move {
                let there = chunk_delete(db, one, RAW, 200).await?;
                let gone = chunk_delete(db, one, RAW, 200).await?;
                Ok((there, gone, chunk_delete_ended(db, 91).await?, chunk_delete_of(db, one).await?))
            }));
            assert_eq!(removed.await.expect("removed"), (true, false, 1, 1));
            let mut db = store.telemetry.read().await.expect("a connection");
            assert_eq!(chunk_list(&mut db, Uuid::from_u128(2), 0, 1_000, 600).await.expect("chunks").len(), 1, "others stay");
        }
    }
}
