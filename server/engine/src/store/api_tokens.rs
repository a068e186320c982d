//! API tokens: only their hashes are kept.

use api::{ApiToken, ApiTokenId, Timestamp, TokenScope, UserId};
use uuid::Uuid;

use super::{Conn, Result, execute, on};

/// One row, with the name of its user.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ApiTokenRow {
    /// Id.
    pub id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// Their name.
    pub username: String,
    /// What it is called.
    pub name: String,
    /// Texts of `TokenScope`s with spaces between them.
    pub scopes: String,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds.
    pub expires_at: i64,
    /// Microseconds, to the minute.
    pub last_used_at: Option<i64>,
}

impl ApiTokenRow {
    /// The scopes; a word that this version doesn't know gives nothing.
    pub fn scopes(&self) -> Vec<TokenScope> {
        self.scopes.split(' ').filter_map(TokenScope::named).collect()
    }

    /// As it is listed.
    pub fn token(self) -> ApiToken {
        ApiToken {
            id: ApiTokenId(self.id),
            scopes: self.scopes(),
            username: self.username,
            name: self.name,
            created_at: Timestamp::from_micros(self.created_at),
            last_used_at: self.last_used_at.map(Timestamp::from_micros),
            expires_at: Timestamp::from_micros(self.expires_at),
        }
    }
}

/// An unexpired token of somebody who may sign in, with the role that they have now.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct TokenGrantRow {
    /// The token.
    #[sqlx(flatten)]
    pub token: ApiTokenRow,
    /// Text of a `Role`.
    pub role: String,
}

/// Adds a token.
pub async fn api_token_insert(db: &mut Conn, row: &ApiTokenRow, hash: [u8; 32]) -> Result<()> {
    let statement = "INSERT INTO api_tokens (id, user_id, name, token_hash, scopes, created_at, expires_at, last_used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    execute!(
        db,
        statement,
        row.id,
        row.user_id,
        row.name.as_str(),
        hash.as_slice(),
        row.scopes.as_str(),
        row.created_at,
        row.expires_at,
        row.last_used_at
    )?;
    Ok(())
}

/// The token of that id, expired or not.
pub async fn api_token_find(db: &mut Conn, id: ApiTokenId) -> Result<Option<ApiTokenRow>> {
    let statement = "SELECT t.id, t.user_id, u.username, t.name, t.scopes, t.created_at, t.expires_at, t.last_used_at
        FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.id = $1";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_optional(db).await)?)
}

/// The tokens of a user, expired or not, newest first.
pub async fn api_token_list(db: &mut Conn, user: UserId) -> Result<Vec<ApiTokenRow>> {
    let statement = "SELECT t.id, t.user_id, u.username, t.name, t.scopes, t.created_at, t.expires_at, t.last_used_at
        FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.user_id = $1 ORDER BY t.created_at DESC, t.id DESC";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(user.0).fetch_all(db).await)?)
}

/// The tokens of all users, expired or not, newest first.
pub async fn api_token_list_all(db: &mut Conn) -> Result<Vec<ApiTokenRow>> {
    let statement = "SELECT t.id, t.user_id, u.username, t.name, t.scopes, t.created_at, t.expires_at, t.last_used_at
        FROM api_tokens t JOIN users u ON u.id = t.user_id ORDER BY t.created_at DESC, t.id DESC";
    Ok(on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?)
}

/// Notes that a token was used.
pub async fn api_token_used(db: &mut Conn, id: ApiTokenId, at: Timestamp) -> Result<()> {
    let statement = "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    execute!(db, statement, id.0, at.micros())?;
    Ok(())
}

/// Revokes a token; answers whether it was there.
pub async fn api_token_delete(db: &mut Conn, id: ApiTokenId) -> Result<bool> {
    Ok(execute!(db, "DELETE FROM api_tokens WHERE id = $1", id.0)? == 1)
}

/// Revokes all tokens of a user; answers how many.
pub async fn api_token_delete_of(db: &mut Conn, user: UserId) -> Result<u64> {
    Ok(execute!(db, "DELETE FROM api_tokens WHERE user_id = $1", user.0)?)
}

/// Forgets the tokens that had expired at that time.
pub async fn api_token_delete_expired(db: &mut Conn, before: Timestamp) -> Result<u64> {
    Ok(execute!(db, "DELETE FROM api_tokens WHERE expires_at <= $1", before.micros())?)
}

/// What the token of that hash lets one do; none when there is none, it has expired or its user may not sign in.
pub async fn token_grant_find(db: &mut Conn, hash: [u8; 32], now: Timestamp) -> Result<Option<TokenGrantRow>> {
    let statement = "SELECT t.id, t.user_id, u.username, t.name, t.scopes, t.created_at, t.expires_at, t.last_used_at, u.role
        FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = $1 AND t.expires_at > $2 AND u.is_active = $3";
    let hash = hash.as_slice();
    Ok(on!(db, |db| sqlx::query_as(statement).bind(hash).bind(now.micros()).bind(true).fetch_optional(db).await)?)
}

/// What every token lets one do.
pub async fn token_grant_list(db: &mut Conn, now: Timestamp) -> Result<Vec<TokenGrantRow>> {
    let statement = "SELECT t.id, t.user_id, u.username, t.name, t.scopes, t.created_at, t.expires_at, t.last_used_at, u.role
        FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.expires_at > $1 AND u.is_active = $2";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(now.micros()).bind(true).fetch_all(db).await)?)
}

#[cfg(test)]
mod tests {
    use api::{ApiTokenId, Timestamp, TokenScope, UserId};
    use uuid::Uuid;

    use super::*;
    use crate::on_each_store;
    use crate::store::users::{UserRow, user_delete, user_insert, user_update};

    fn user(number: u128, name: &str) -> UserRow {
        UserRow {
            id: Uuid::from_u128(number),
            username: name.into(),
            password_hash: "hash".into(),
            role: "developer".into(),
            is_active: true,
            created_at: 0,
            last_sign_in: None,
        }
    }

    fn row(number: u128, user: &UserRow, expires_at: i64) -> ApiTokenRow {
        ApiTokenRow {
            id: Uuid::from_u128(number),
            user_id: user.id,
            username: user.username.clone(),
            name: format!("token {number}"),
            scopes: "read deploy later".into(),
            created_at: number as i64,
            expires_at,
            last_used_at: None,
        }
    }

    on_each_store! {
        async fn tokens_are_read_as_they_were_written_and_give_what_their_user_has(test: TestStore) {
            let store = test.open().await;
            let (ann, bob) = (user(101, "ann"), user(102, "bob"));
            let all = [row(1, &ann, 1000), row(2, &ann, 2000), row(3, &bob, 3000)];
            let (users, rows) = ([ann.clone(), bob.clone()], all.clone());
            let at = Timestamp::from_micros;
            store.main.write(move |db| Box::pin(async move {
                for one in &users {
                    user_insert(db, one).await?;
                }
                for (number, one) in (0..).zip(&rows) {
                    api_token_insert(db, one, [number; 32]).await?;
                }
                api_token_used(db, ApiTokenId(rows[0].id), at(60)).await?;
                api_token_used(db, ApiTokenId(rows[0].id), at(50)).await
            })).await.expect("they are written");
            let taken = ApiTokenRow { id: Uuid::from_u128(9), ..all[0].clone() };
            store.main.write(move |db| Box::pin(async move { api_token_insert(db, &taken, [9; 32]).await })).await.expect_err("the name is taken");

            let used = ApiTokenRow { last_used_at: Some(60), ..all[0].clone() };
            let mut db = store.main.read().await.expect("a connection");
            assert_eq!(api_token_find(&mut db, ApiTokenId(used.id)).await.expect("it is read"), Some(used.clone()));
            assert_eq!(api_token_list(&mut db, UserId(ann.id)).await.expect("they are listed"), [all[1].clone(), used.clone()]);
            assert_eq!(api_token_list_all(&mut db).await.expect("they are listed"), [all[2].clone(), all[1].clone(), used.clone()]);
            assert_eq!(used.scopes(), [TokenScope::Read, TokenScope::Deploy]);
            let grant = token_grant_find(&mut db, [1; 32], at(1999)).await.expect("it is read").expect("it is there");
            assert_eq!((grant.token, grant.role.as_str()), (all[1].clone(), "developer"));
            for (hash, now) in [([1; 32], 2000), ([7; 32], 0), ([9; 32], 0)] {
                assert!(token_grant_find(&mut db, hash, at(now)).await.expect("it is looked for").is_none(), "{hash:?} {now}");
            }
            let mut listed: Vec<_> = token_grant_list(&mut db, at(1000)).await.expect("they are listed").into_iter().map(|one| one.token.id).collect();
            listed.sort();
            assert_eq!(listed, [all[1].id, all[2].id]);
            drop(db);

            let (off, gone) = (UserRow { is_active: false, ..ann.clone() }, bob.clone());
            let first = ApiTokenId(all[0].id);
            let counts = store.main.write(move |db| Box::pin(async move {
                user_update(db, &off).await?;
                let refused = token_grant_find(db, [1; 32], at(0)).await?.is_none();
                let expired = api_token_delete_expired(db, at(1000)).await?;
                let again = api_token_delete(db, first).await?;
                user_delete(db, UserId(gone.id)).await?;
                let listed = (token_grant_list(db, at(0)).await?.len(), api_token_list_all(db).await?.len());
                Ok((refused, expired, again, listed, api_token_delete_of(db, UserId(off.id)).await?))
            })).await.expect("they are removed");
            assert_eq!(counts, (true, 1, false, (0, 1), 1), "with its user a token goes");
        }
    }
}
