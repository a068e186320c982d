//! What a service counts as after each check, as a machine without time or network.

use api::{Health, HealthCheck};

/// Seconds after a start in which failures don't make a service unhealthy.
pub(super) const GRACE_SECONDS: f64 = 60.0;

/// The checks that are looked at to tell a service that answers only sometimes.
const RECENT: u32 = 10;

/// The health of one run of a service.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    health: Health,
    has_answered: bool,
    failures: u32,
    successes: u32,
    /// The last checks, newest in the lowest bit: 1 is a failure.
    recent: u32,
}

impl Condition {
    /// Before the first check.
    pub fn new() -> Self {
        Self { health: Health::Unknown, has_answered: false, failures: 0, successes: 0, recent: 0 }
    }

    /// What it counts as.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Whether a check has succeeded in this run.
    pub fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Takes the result of a check; `age` is how many seconds the service has run. Answers what it counts as now.
    pub fn record(&mut self, ok: bool, age: f64, check: &HealthCheck) -> Health {
        self.recent = (self.recent << 1 | u32::from(!ok)) & ((1 << RECENT) - 1);
        (self.failures, self.successes) = if ok { (0, self.successes + 1) } else { (self.failures + 1, 0) };
        self.health = if ok {
            let was_first = !self.has_answered;
            self.has_answered = true;
            let is_enough = self.successes >= check.healthy_threshold || (was_first && self.health == Health::Unknown);
            if is_enough && !self.answers_sometimes() { Health::Healthy } else { Health::Degraded }
        } else if !self.has_answered && age < GRACE_SECONDS {
            Health::Unknown
        } else if self.failures >= check.unhealthy_threshold || self.health == Health::Unhealthy {
            Health::Unhealthy
        } else if self.has_answered {
            Health::Degraded
        } else {
            Health::Unknown
        };
        self.health
    }

    /// Takes the word of somebody who has decided.
    pub fn decide(&mut self, health: Health) -> Health {
        self.has_answered |= health == Health::Healthy;
        self.health = health;
        health
    }

    /// Whether failures came in at least three separate runs among the last checks: it comes and goes.
    fn answers_sometimes(&self) -> bool {
        let begins = self.recent & !(self.recent >> 1);
        begins.count_ones() >= 3
    }
}

#[cfg(test)]
mod tests {
    use api::{Health, HealthCheck};

    use super::Condition;

    /// `.` is a success, `x` a failure; H, D, U, ? are what it counts as after it.
    fn run(checks: &str, age: f64, check: &HealthCheck) -> String {
        let mut condition = Condition::new();
        checks
            .chars()
            .map(|c| match condition.record(c == '.', age, check) {
                Health::Healthy => 'H',
                Health::Degraded => 'D',
                Health::Unhealthy => 'U',
                Health::Unknown => '?',
            })
            .collect()
    }

    #[test]
    fn a_service_is_what_its_last_checks_say() {
        let usual = HealthCheck::default();
        let slow_to_trust = HealthCheck { healthy_threshold: 3, unhealthy_threshold: 1, ..HealthCheck::default() };
        let table = [
            ("healthy", "...", 100.0, &usual, "HHH"),
            ("one failure degrades", ".x.", 100.0, &usual, "HDH"),
            ("three failures make unhealthy", ".xxxx.", 100.0, &usual, "HDDUUH"),
            ("starting up is unknown, however often", "xxxxxx.", 5.0, &usual, "??????H"),
            ("not answering after the grace", "xxxx", 100.0, &usual, "??UU"),
            ("a failure after the first answer counts within the grace", ".xxx", 5.0, &usual, "HDDU"),
            ("thresholds are kept", ".x...", 100.0, &slow_to_trust, "HUDDH"),
            ("coming and going is degraded", ".x.x.x.....", 100.0, &usual, "HDHDHDDDDDD"),
            ("and forgotten after ten checks", ".x.x.x..........", 100.0, &usual, "HDHDHDDDDDDHHHHH"),
        ];
        for (what, checks, age, check, expected) in table {
            assert_eq!(run(checks, age, check), expected, "{what}");
        }
    }
}
