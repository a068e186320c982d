//! The table of environments.

use api::Environment;

use super::{Conn, Result, execute, on};

/// All but development, in their order; how many services are in them isn't known here.
pub async fn environment_list(db: &mut Conn) -> Result<Vec<Environment>> {
    let statement = "SELECT name, description FROM environments ORDER BY position, name";
    let rows: Vec<(String, String)> = on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?;
    Ok(rows.into_iter().map(|(name, description)| Environment { name, description, services: 0 }).collect())
}

/// Puts these, in that order, in place of all.
pub async fn environment_put(db: &mut Conn, all: &[Environment]) -> Result<()> {
    execute!(db, "DELETE FROM environments")?;
    for (position, environment) in all.iter().enumerate() {
        let statement = "INSERT INTO environments (name, description, position) VALUES ($1, $2, $3)";
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        execute!(db, statement, environment.name.as_str(), environment.description.as_str(), position)?;
    }
    Ok(())
}
