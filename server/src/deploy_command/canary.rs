//! How a canary goes, when the command says so.

use api::{Canary, Strategy};

/// The arguments.
#[derive(Debug, Default, clap::Args)]
pub struct Steps {
    /// With --strategy canary: how many of 100 requests the new release gets, step by step; 5,25,50 unless given
    #[arg(long, value_name = "STEPS")]
    canary_steps: Option<String>,
    /// With --strategy canary: how long each step lasts at least, 5 to 3600 seconds; 60 unless given
    #[arg(long, value_name = "SECONDS")]
    step_seconds: Option<u32>,
    /// With --strategy canary: how many requests both releases must have answered for a step to be judged; 50 unless given, and 0 judges by
    /// health alone when there are few
    #[arg(long, value_name = "COUNT")]
    min_requests: Option<u32>,
}

impl Steps {
    /// What they come to; none when nothing is said of it.
    ///
    /// # Errors
    /// With a sentence when the strategy has no steps, or they can't be read.
    pub fn read(self, strategy: Option<&str>) -> Result<Option<Canary>, String> {
        let Self { canary_steps, step_seconds, min_requests } = self;
        let given = [
            ("--canary-steps", canary_steps.is_some()),
            ("--step-seconds", step_seconds.is_some()),
            ("--min-requests", min_requests.is_some()),
        ];
        let Some((first, _)) = given.into_iter().find(|(_, is_given)| *is_given) else { return Ok(None) };
        if strategy != Some(Strategy::Canary.as_str()) {
            return Err(format!("{first} is only for a canary: give --strategy canary as well, or leave it out"));
        }
        let usual = Canary::default();
        let steps = match canary_steps {
            Some(text) => Canary::read_steps(&text).map_err(|why| format!("--canary-steps: {why}"))?,
            None => usual.steps,
        };
        Ok(Some(Canary {
            steps,
            step_seconds: step_seconds.unwrap_or(usual.step_seconds),
            min_requests: min_requests.unwrap_or(usual.min_requests),
        }))
    }
}

#[cfg(test)]
mod tests {
    use api::Canary;

    use super::Steps;

    #[test]
    fn steps_are_for_a_canary_only() {
        let steps = |text: &str| Steps { canary_steps: Some(text.into()), ..Steps::default() };
        assert_eq!(Steps::default().read(Some("rolling")), Ok(None));
        assert_eq!(Steps::default().read(Some("canary")), Ok(None), "the server knows what is usual");
        assert_eq!(steps("10,60").read(Some("canary")), Ok(Some(Canary { steps: vec![10, 60], ..Canary::default() })));
        let few = Steps { min_requests: Some(0), ..Steps::default() };
        assert_eq!(few.read(Some("canary")), Ok(Some(Canary { min_requests: 0, ..Canary::default() })));
        for strategy in [None, Some("blue_green")] {
            let hasty = Steps { step_seconds: Some(5), ..Steps::default() };
            assert!(hasty.read(strategy).unwrap_err().starts_with("--step-seconds is only for a canary"));
        }
        assert!(steps("10,x").read(Some("canary")).unwrap_err().contains("'x' is no number"));
    }
}
