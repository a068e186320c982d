//! The accounts of the fake: nobody has one, and the password is `right`.

use api::ports::{Auth, Users};
use api::*;
use async_trait::async_trait;

use super::Fake;

#[async_trait]
impl Auth for Fake {
    async fn is_set_up(&self) -> Result<bool> {
        Ok(!self.is_fresh)
    }

    async fn set_up(&self, setup: Setup, _: Origin) -> Result<Tokens> {
        Error::invalid_fields(credential_faults(&setup.username, &setup.password))?;
        Ok(tokens())
    }

    async fn sign_in(&self, credentials: Credentials, _: Origin) -> Result<Tokens> {
        match credentials.password.reveal() {
            "right" => Ok(tokens()),
            _ => Err(Error::new(ErrorCode::BadCredentials, "user name or password is wrong")),
        }
    }

    async fn refresh(&self, _: Secret, _: Origin) -> Result<Tokens> {
        Ok(tokens())
    }

    async fn sign_out(&self, _: Secret) -> Result<()> {
        Ok(())
    }

    async fn authenticate(&self, _: &Secret) -> Result<Caller> {
        Err(Error::new(ErrorCode::NotSignedIn, "you are not signed in"))
    }

    async fn authenticate_bearer(&self, token: &Secret) -> Result<Caller> {
        self.authenticate(token).await
    }

    async fn me(&self, _: &Caller) -> Result<Me> {
        Err(Error::unavailable("the fake has no users"))
    }

    async fn sessions(&self, _: &Caller) -> Result<Vec<Session>> {
        Ok(Vec::new())
    }

    async fn revoke(&self, _: &Caller, _: SessionId) -> Result<()> {
        Ok(())
    }

    async fn change_password(&self, _: &Caller, _: Secret, _: Secret) -> Result<()> {
        Ok(())
    }
}

fn tokens() -> Tokens {
    let secret = |text: &str| Secret::new(text);
    Tokens { access_token: secret("access"), token_type: "Bearer".into(), expires_in: 300, refresh_token: secret("refresh") }
}

#[async_trait]
impl Users for Fake {
    async fn list(&self, _: &Caller) -> Result<Vec<User>> {
        Ok(Vec::new())
    }

    async fn create(&self, _: &Caller, _: NewUser) -> Result<User> {
        Err(Error::unavailable("the fake has no users"))
    }

    async fn change(&self, _: &Caller, id: UserId, _: UserPatch) -> Result<User> {
        Err(Error::not_found("user", id))
    }

    async fn delete(&self, _: &Caller, id: UserId) -> Result<()> {
        Err(Error::not_found("user", id))
    }
}
