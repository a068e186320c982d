//! PLACEHOLDER.
use super::TargetStatus;
/// P.
pub struct Verdict {
    /// P.
    pub verdict: api::Judgement,
    /// P.
    pub reason: String,
}
impl TargetStatus {
    /// P.
    pub fn since(&self, before: &TargetStatus) -> TargetStatus {
        TargetStatus {
            requests: self.requests.saturating_sub(before.requests),
            errors: self.errors.saturating_sub(before.errors),
            ..self.clone()
        }
    }
}
/// P.
pub fn judge(_old: &TargetStatus, new: &TargetStatus, min: u64, is_end: bool) -> Verdict {
    let verdict = match (new.requests >= min, is_end) {
        (_, _) if new.errors * 2 > new.requests => api::Judgement::Worse,
        (true, true) => api::Judgement::Passed,
        (false, true) => api::Judgement::TooFew,
        _ => api::Judgement::Open,
    };
    Verdict { verdict, reason: "because".into() }
}
/// P.
pub fn side(window: &TargetStatus) -> api::TrafficSide {
    api::TrafficSide { requests: window.requests, errors: window.errors, ..Default::default() }
}
