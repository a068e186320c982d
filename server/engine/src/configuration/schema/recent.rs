//! Schemas that were made ready lately: while somebody types, and within one save, the same one is asked for again and again.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::Validator;

/// Schemas that are kept ready. Each takes some times its own size in memory.
const MOST: usize = 2;

/// Those that were used last.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Vec<Arc<Validator>>>);

impl Recent {
    /// A schema, ready to check values by. Fails as [`Validator::new`] does.
    pub fn of(&self, schema: &Value) -> api::Result<Arc<Validator>> {
        let known = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let place = all.iter().position(|one| one.schema() == schema);
            place.map(|place| {
                all[..=place].rotate_right(1);
                all[0].clone()
            })
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let made = Arc::new(Validator::new(schema)?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.truncate(MOST - 1);
        all.insert(0, made.clone());
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::Recent;

    #[test]
    fn the_two_that_were_used_last_are_kept() {
        let recent = Recent::default();
        let of = |most: u64| recent.of(&json!({"maxProperties": most})).unwrap();
        let (one, two) = (of(1), of(2));
        assert!(Arc::ptr_eq(&one, &of(1)));
        let three = of(3);
        assert!(Arc::ptr_eq(&one, &of(1)) && Arc::ptr_eq(&three, &of(3)));
        assert!(!Arc::ptr_eq(&two, &of(2)), "the one that was used longest ago has gone");
        assert!(recent.of(&json!({"$ref": "#/nowhere"})).is_err());
    }
}
