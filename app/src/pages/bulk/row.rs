//! One of many services: what would become of it, or how far it is.

use api::{Action, BulkItem, BulkOutcome, NOT_RESTARTED, Service, ServiceId, Status, Timestamp, Topic};
use leptos::prelude::*;

use crate::components::{Icon, StatusMark, Symbol};
use crate::erase::{Erase, Erased, text};
use crate::live::{Incoming, use_feed};
use crate::path;

/// One service.
#[derive(Clone)]
pub struct Row {
    /// Which.
    pub id: ServiceId,
    name: String,
    /// Why nothing can be done with it at all: it isn't there any more.
    lost: Option<String>,
    /// The step that it is moved in, from 1.
    pub step: u32,
    /// What stays and depends on it.
    warning: Option<String>,
    state: ArcRwSignal<State>,
}

/// What a service is doing.
#[derive(Clone, Debug, PartialEq)]
struct State {
    status: Status,
    reason: Option<String>,
    started_at: Option<Timestamp>,
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Stand {
    /// It will be moved.
    Planned,
    /// It stays as it is, for this reason.
    Skipped(String),
    /// It is on its way, and perhaps waits for something.
    UnderWay(Option<String>),
    /// It is as it should be.
    Done,
    /// It isn't, for this reason.
    Failed(String),
}

impl Row {
    /// As the server has said.
    pub fn new(item: BulkItem) -> Self {
        let (step, warning) = (item.step, item.warning);
        let lost = item.message.filter(|_| item.outcome == BulkOutcome::Failed);
        let state = State { status: item.status, reason: item.status_reason, started_at: item.started_at };
        Self { id: item.service_id, name: item.name, lost, step, warning, state: ArcRwSignal::new(state) }
    }

    /// Where it stands with an action that was asked for at `sent`, or is only planned.
    pub fn stand(&self, action: Action, sent: Option<Timestamp>) -> Stand {
        match &self.lost {
            Some(why) => Stand::Failed(why.clone()),
            None => self.state.with(|state| stand(action, sent, state)),
        }
    }

    /// Its row of the table; `steps` is how many there are.
    pub fn show(self, action: Action, sent: Option<Timestamp>, steps: u32) -> Erased {
        let (state, row) = (self.state.clone(), self.clone());
        let stand = Memo::new(move |_| row.stand(action, sent));
        let status = Signal::derive(move || state.with(|state| state.status));
        let step = (steps > 1 && sent.is_none()).then_some(self.step);
        let words = move || match (stand.get(), step) {
            (Stand::Planned, Some(step)) => format!("{}, step {step} of {steps}", Stand::Planned.words(action)),
            (stand, _) => stand.words(action),
        };
        let warning = self
            .warning
            .filter(|_| sent.is_none())
            .map(|text| view! { <span class="bulk-warning"><Icon symbol=Symbol::Warning />{text}</span> });
        view! {
            <tr>
                <th scope="row" class="cell-name"><a class="service-link" href=path::service(self.id)>{self.name}</a></th>
                <td class="cell-status"><StatusMark status=status /></td>
                <td class="cell-stand" data-stand=text(move || stand.with(Stand::as_str))>{text(words)}{warning}</td>
            </tr>
        }
        .erase()
    }
}

impl Stand {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Skipped(_) => "skipped",
            Self::UnderWay(_) => "under-way",
            Self::Done => "done",
            Self::Failed(_) => "failed",
        }
    }

    fn words(&self, action: Action) -> String {
        match self {
            Self::Planned => format!("will be {}", action.done()),
            Self::Skipped(why) => format!("stays as it is: {why}"),
            Self::UnderWay(None) => "under way".into(),
            Self::UnderWay(Some(why)) => format!("under way: {why}"),
            Self::Done => format!("is {}", action.done()),
            Self::Failed(why) => format!("isn't {}: {why}", action.done()),
        }
    }
}

fn stand(action: Action, sent: Option<Timestamp>, state: &State) -> Stand {
    let Some(sent) = sent else {
        return action.allowed(state.status).map_or_else(|blocked| Stand::Skipped(blocked.0.to_owned()), |()| Stand::Planned);
    };
    let is_new_run = state.started_at.is_some_and(|at| at >= sent);
    match (action, state.status) {
        (_, Status::Starting | Status::Stopping) => Stand::UnderWay(state.reason.clone()),
        (Action::Stop, Status::Stopped) | (Action::Start, Status::Running) => Stand::Done,
        (Action::Restart, Status::Running) if is_new_run => Stand::Done,
        // It runs on while a new copy is being started, and says how far that is.
        (Action::Restart, Status::Running) if state.reason.as_ref().is_some_and(|reason| !reason.starts_with(NOT_RESTARTED)) => {
            Stand::UnderWay(state.reason.clone())
        }
        (_, status) => Stand::Failed(state.reason.clone().unwrap_or_else(|| format!("it is {}", status.label().to_lowercase()))),
    }
}

/// Shows in the rows that are there what a new answer says, without making them anew. Answers whether it could: not when others are in it,
/// or when more than what they are doing has changed.
pub fn refresh(rows: StoredValue<Vec<Row>>, items: Vec<BulkItem>) -> bool {
    let new: Vec<Row> = items.into_iter().map(Row::new).collect();
    let refreshed = rows.try_with_value(|rows| {
        let is_same = |(row, new): (&Row, &Row)| {
            (row.id, row.step, &row.name) == (new.id, new.step, &new.name) && (&row.lost, &row.warning) == (&new.lost, &new.warning)
        };
        if rows.len() != new.len() || !rows.iter().zip(&new).all(is_same) {
            return false;
        }
        for (row, new) in rows.iter().zip(&new) {
            let state = new.state.get_untracked();
            if row.state.with_untracked(|shown| *shown != state) {
                row.state.set(state);
            }
        }
        true
    });
    refreshed.unwrap_or(true)
}

/// Keeps the rows as the dashboard feed says, while the component lives; `reload` is called after a break.
pub fn follow(rows: StoredValue<Vec<Row>>, reload: impl Fn() + 'static) {
    use_feed(
        || Some(Topic::Dashboard),
        move |incoming| match incoming {
            Incoming::Frame(frame) if frame.kind == "service" => {
                let Some(service) = frame.read::<Service>() else { return };
                let state = State { status: service.status, reason: service.status_reason, started_at: service.started_at };
                rows.try_with_value(|rows| {
                    if let Some(row) = rows.iter().find(|row| row.id == service.id)
                        && row.state.with_untracked(|shown| *shown != state)
                    {
                        row.state.set(state);
                    }
                });
            }
            Incoming::Frame(_) => {}
            Incoming::Reload | Incoming::Missing(_) => reload(),
        },
    );
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{Action, BulkItem, BulkOutcome, ServiceId, Status, Timestamp};
    use leptos::prelude::{Owner, StoredValue, WithUntracked};

    use super::{Row, Stand, State, refresh, stand};

    fn item(number: u128, status: Status, message: Option<&str>) -> BulkItem {
        let outcome = if message.is_some() { BulkOutcome::Failed } else { BulkOutcome::Planned };
        BulkItem {
            service_id: ServiceId(uuid::Uuid::from_u128(number)),
            name: format!("svc-{number}"),
            status,
            status_reason: None,
            started_at: None,
            outcome,
            message: message.map(str::to_owned),
            step: 1,
            warning: None,
        }
    }

    #[test]
    fn a_new_answer_changes_rows_that_are_there_unless_others_are_in_it() {
        Owner::new().with(|| {
            let first = [item(1, Status::Stopped, None), item(2, Status::Stopped, None)];
            let made: Vec<Row> = first.into_iter().map(Row::new).collect();
            let (kept, rows) = (made[1].clone(), StoredValue::new(made));
            assert!(refresh(rows, vec![item(1, Status::Stopped, None), item(2, Status::Running, None)]));
            assert_eq!(kept.state.with_untracked(|state| state.status), Status::Running);
            for others in [
                vec![item(2, Status::Running, None)],
                vec![item(2, Status::Running, None), item(1, Status::Stopped, None)],
                vec![item(1, Status::Stopped, None), item(2, Status::Running, Some("there is no such service"))],
                vec![item(1, Status::Stopped, None), BulkItem { step: 2, ..item(2, Status::Running, None) }],
            ] {
                assert!(!refresh(rows, others));
            }
        });
    }

    #[test]
    fn a_restart_is_done_by_a_new_run_only_and_what_is_not_done_says_why() {
        let at = Timestamp::from_micros;
        let state = |status, started: Option<i64>| State { status, reason: None, started_at: started.map(at) };
        let cases = [
            (Action::Restart, Some(10), state(Status::Running, Some(9)), Stand::Failed("it is running".into())),
            (Action::Restart, Some(10), state(Status::Running, Some(11)), Stand::Done),
            (Action::Restart, Some(10), state(Status::Stopping, Some(9)), Stand::UnderWay(None)),
            (Action::Start, Some(10), state(Status::Error, None), Stand::Failed("it is error".into())),
            (Action::Stop, Some(10), state(Status::Stopped, None), Stand::Done),
            (Action::Stop, None, state(Status::Running, Some(9)), Stand::Planned),
            (Action::Stop, None, state(Status::Stopped, None), Stand::Skipped("it is stopped already".into())),
        ];
        for (action, sent, state, expected) in cases {
            assert_eq!(stand(action, sent.map(at), &state), expected, "{action} {state:?}");
        }
        let handing = |reason: &str| State { reason: Some(reason.into()), ..state(Status::Running, Some(9)) };
        assert_eq!(stand(Action::Restart, Some(at(10)), &handing("a new copy")), Stand::UnderWay(Some("a new copy".into())));
        let failed = "it wasn't restarted, and runs on as it was: exit code 3";
        assert_eq!(stand(Action::Restart, Some(at(10)), &handing(failed)), Stand::Failed(failed.into()));
        let crashed = State { reason: Some("exited with code 3".into()), ..state(Status::Error, None) };
        assert_eq!(stand(Action::Start, Some(at(1)), &crashed).words(Action::Start), "isn't started: exited with code 3");
    }
}
