//! The proxy in front of a service, and how a deployment moves requests from one release to the next.

use serde::{Deserialize, Serialize};

use crate::{Blocked, Detail, Health, ServiceId, ServiceSpec, Source, Status, Timestamp, words};

/// That a service is a copy of another one, which a deployment has made beside it with the next release. It goes with the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Beside {
    /// The service.
    pub of: ServiceId,
    /// How many of 100 requests it gets from the proxy in front of both, 0 to 100.
    pub weight: u8,
}

/// That a service is a replica of another one, which runs what that runs, told what that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replica {
    /// The service, which is the first of its replicas.
    pub of: ServiceId,
    /// Which one it is, from 2; from 21 one of those that there are only while a rolling deployment goes from one to the next.
    pub number: u8,
}

impl Replica {
    /// Whether it is there only while a rolling deployment goes from one to the next.
    pub const fn is_surge(self) -> bool {
        self.number > ServiceSpec::REPLICAS
    }

    /// The end of its name.
    pub fn suffix(self) -> String {
        match self.number.checked_sub(ServiceSpec::REPLICAS).filter(|_| self.is_surge()) {
            Some(surge) => format!("surge-{surge}"),
            None => self.number.to_string(),
        }
    }
}

/// How one of the replicas of a service is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplicaState {
    /// The service that it is: the one that it is a replica of, for the first.
    pub service_id: ServiceId,
    /// What that is called.
    pub name: String,
    /// Which one it is, from 1.
    pub number: u8,
    /// What it does.
    pub status: Status,
    /// Whether it is well. Only those that are get requests.
    pub health_status: Health,
    /// The port that it listens on.
    pub port: Option<u16>,
}

impl Source {
    /// Whether its services can have a proxy in front of them.
    pub const fn can_have_proxy(&self) -> Result<(), Blocked> {
        match self {
            Source::Folder { .. } | Source::Command { .. } | Source::Image { .. } | Source::Build { .. } | Source::Repository { .. } => {
                Ok(())
            }
            Source::Container { .. } => Err(Blocked("others have made its container: make a service of its image")),
            Source::Demonstration { .. } => Err(Blocked("the demonstration is a part of Pilothouse")),
            Source::Proxy { .. } => Err(Blocked("it is a proxy itself")),
        }
    }
}

/// How a canary deployment lets the new release in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Canary {
    /// How many of 100 requests it gets, step by step: 1 to 10 numbers from 1 to 99, each greater than the one before. It gets all of them after the last.
    pub steps: Vec<u8>,
    /// How many seconds each step lasts at least, 5 to 3,600.
    pub step_seconds: u32,
    /// How many requests both releases must have answered in a step for it to be judged, 0 to 100,000. When they haven't after five times the
    /// length of the step, the deployment is taken back; 0 judges by health alone when there are few.
    pub min_requests: u32,
}

impl Default for Canary {
    fn default() -> Self {
        Self { steps: vec![5, 25, 50], step_seconds: 60, min_requests: 50 }
    }
}

impl Canary {
    /// The most steps.
    pub const STEPS: usize = 10;
    /// How many times its length a step waits for requests.
    pub const PATIENCE: u32 = 5;

    /// What is wrong with it, field by field, below `at`.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, is_right: bool, message: &str| {
            if !is_right {
                faults.push(Detail { field: format!("{at}/{field}"), message: message.into() });
            }
        };
        let is_rising = self.steps.windows(2).all(|pair| pair[0] < pair[1]) && self.steps.iter().all(|step| (1..=99).contains(step));
        let is_counted = (1..=Self::STEPS).contains(&self.steps.len());
        check(
            "steps",
            is_rising && is_counted,
            "a canary has 1 to 10 steps from 1 to 99 of 100 requests, each greater than the one before",
        );
        check("step_seconds", (5..=3600).contains(&self.step_seconds), "a step lasts 5 to 3,600 seconds");
        check("min_requests", self.min_requests <= 100_000, "a step is judged by at most 100,000 requests");
        faults
    }

    /// Its steps as people write them: `5, 25, 50`.
    pub fn steps_text(&self) -> String {
        self.steps.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The steps of such a text.
    ///
    /// # Errors
    /// With a sentence when a part of it is no number from 0 to 255.
    pub fn read_steps(text: &str) -> Result<Vec<u8>, String> {
        let parts = text.split([',', ' ']).map(|part| part.trim().trim_end_matches('%')).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().map_err(|_| format!("'{part}' is no number of 100 requests; write the steps as 5, 25, 50"))).collect()
    }
}

words! {
    /// What was found out about a new release in a step.
    Judgement {
        /// The step is under way; or over without having been judged, because it wasn't watched.
        Open = "open", "Under way";
        /// It isn't worse than the one before.
        Passed = "passed", "Not worse";
        /// It is worse.
        Worse = "worse", "Worse";
        /// There were too few requests to say.
        TooFew = "too_few", "Too few requests";
    }
}

/// A part of a deployment in which both releases, or the new one alone, get requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficStep {
    /// How many of 100 requests the new release gets.
    pub weight: u8,
    /// When they began to come so; none before.
    pub started_at: Option<Timestamp>,
    /// When it was judged.
    pub finished_at: Option<Timestamp>,
    /// What was counted of the release before, by the proxy or by the service's own metrics; when that gets nothing in this step, before the step.
    pub old: TrafficSide,
    /// What was counted of the new one in this step.
    pub new: TrafficSide,
    /// What was found out.
    pub judgement: Judgement,
    /// The tests with their numbers, as sentences.
    pub reason: Option<String>,
}

impl TrafficStep {
    /// One that hasn't begun.
    pub fn new(weight: u8) -> Self {
        let (old, new) = Default::default();
        Self { weight, started_at: None, finished_at: None, old, new, judgement: Judgement::Open, reason: None }
    }
}

/// What was counted of the requests to one release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficSide {
    /// Requests that were answered, or failed.
    pub requests: u64,
    /// Those of them with a status from 500 on, or without an answer.
    pub errors: u64,
    /// Milliseconds until the head of the answer was there: the median; none without requests, or when metrics have counted.
    pub p50_ms: Option<f64>,
    /// Milliseconds that 95 of 100 took at most; by metrics the median of what they said of each quarter of a minute.
    pub p95_ms: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::Canary;

    #[test]
    fn steps_rise_and_are_read_as_people_write_them() {
        assert_eq!(Canary::read_steps(" 5%, 25 50% ,"), Ok(vec![5, 25, 50]));
        assert!(Canary::read_steps("5, x").is_err() && Canary::read_steps("-5").is_err() && Canary::read_steps("1000").is_err());
        let fields = |canary: &Canary| canary.faults("/canary").into_iter().map(|fault| fault.field).collect::<Vec<_>>();
        assert!(fields(&Canary::default()).is_empty());
        for steps in [vec![], vec![0], vec![100], vec![5, 5], vec![50, 25], (1..=11).collect()] {
            assert_eq!(fields(&Canary { steps, ..Canary::default() }), ["/canary/steps"]);
        }
        let hasty = Canary { step_seconds: 4, min_requests: 100_001, ..Canary::default() };
        assert_eq!(fields(&hasty), ["/canary/step_seconds", "/canary/min_requests"]);
    }
}
