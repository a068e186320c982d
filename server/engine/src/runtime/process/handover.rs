//! A restart without a break, as Pilothouse asks for it: the supervisor does it by itself, and its state says how far it is.

use api::Result;

use super::blocking;
use super::state::{Ask, Stage, State};
use super::unit::Unit;
use crate::runtime::{HandOver, HandedOver, ProcessLaunch};
use crate::user::SystemUser;

impl Unit {
    /// Has a second copy started that takes the place of what runs, and waits until that is over.
    pub async fn hand_over(&self, order: HandOver, told: &(dyn Fn(String) + Send + Sync)) -> Result<HandedOver> {
        let HandOver { number, launch, grace } = order;
        let mut states = self.state.subscribe();
        let mut asked = None;
        loop {
            let state = states.borrow_and_update().clone();
            let Some(state) = state.filter(|state| !state.is_ended()) else { return Ok(HandedOver::Impossible) };
            match &state.handover {
                Some(own) if own.number == number => match &own.stage {
                    Stage::Complete => return Ok(HandedOver::Done),
                    Stage::Failed { reason } => return Ok(HandedOver::Failed(reason.clone())),
                    stage => told(stage.words().unwrap_or_default()),
                },
                Some(other) if other.is_under_way() => told(other.stage.words().unwrap_or_default()),
                _ if asked.as_ref() == Some(&state.sessions) => {}
                // A supervisor that was killed before it heard of it is followed by one that must be asked again.
                _ => {
                    let Some(ordered) = launch.clone().filter(|launch| is_alike(&state, launch)) else { return Ok(HandedOver::Impossible) };
                    let folder = self.folder.clone();
                    blocking(move || folder.set_successor(&ordered)).await?;
                    self.ask(Ask::HandOver { number, grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX) });
                    asked = Some(state.sessions);
                }
            }
            if states.changed().await.is_err() {
                return Ok(HandedOver::Impossible);
            }
        }
    }
}

/// Whether the new copy can be beside the one that runs: in its control group, with its limits, and of the same user, who has the pipes.
fn is_alike(state: &State, launch: &ProcessLaunch) -> bool {
    let uid = match &launch.user {
        None => Ok(None),
        Some(name) => SystemUser::choose(name).map(|user| Some(user.uid)),
    };
    state.handed().is_some() && launch.socket.is_some() && state.limits == launch.limits && uid == Ok(state.uid)
}
