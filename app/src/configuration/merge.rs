//! Bringing together what two people have changed of the same values.

#[cfg(any(feature = "hydrate", test))]
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What becomes of both changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merge {
    /// All values: what only they have changed is theirs, what only I have changed is mine. Of what both have changed it is mine.
    pub values: Map<String, Value>,
    /// What both have changed, each in another way.
    pub clashes: Vec<Clash>,
}

/// A value that both have changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Clash {
    /// Its name.
    pub name: String,
    /// What I have made of it; none when I have taken it out.
    pub mine: Option<Value>,
    /// What they have made of it.
    pub theirs: Option<Value>,
}

impl Merge {
    /// All values with theirs of the clashes of these names.
    pub fn with_theirs(&self, names: &BTreeSet<String>) -> Map<String, Value> {
        let mut values = self.values.clone();
        for clash in self.clashes.iter().filter(|clash| names.contains(&clash.name)) {
            match &clash.theirs {
                Some(value) => values.insert(clash.name.clone(), value.clone()),
                None => values.remove(&clash.name),
            };
        }
        values
    }
}

/// Brings together `mine` and `theirs`, both made from `base`. `changed` are the names that they are known to have changed: of secrets it
/// can't be seen.
#[cfg(any(feature = "hydrate", test))]
pub fn merge(base: &Map<String, Value>, mine: &Map<String, Value>, theirs: &Map<String, Value>, changed: &BTreeSet<String>) -> Merge {
    let mut merged = Merge::default();
    let names: BTreeMap<&String, ()> = base.keys().chain(mine.keys()).chain(theirs.keys()).map(|name| (name, ())).collect();
    for name in names.into_keys() {
        let (before, mine, theirs) = (base.get(name), mine.get(name), theirs.get(name));
        let is_mine = mine != before;
        let is_theirs = theirs != before || changed.contains(name);
        let is_secret = theirs.and_then(Value::as_str) == Some(api::MASK);
        let value = if is_mine { mine } else { theirs };
        if is_mine && is_theirs && (mine != theirs || is_secret) {
            merged.clashes.push(Clash { name: name.clone(), mine: mine.cloned(), theirs: theirs.cloned() });
        }
        value.into_iter().for_each(|value| _ = merged.values.insert(name.clone(), value.clone()));
    }
    merged
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::merge;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn what_only_one_has_changed_is_kept_and_what_both_have_is_asked() {
        let base = map(json!({"same": 1, "mine": 1, "theirs": 1, "both": 1, "alike": 1, "i removed": 1, "they removed": 1, "removed": 1}));
        let mine = map(json!({"same": 1, "mine": 2, "theirs": 1, "both": 2, "alike": 2, "they removed": 1, "i added": 1, "added": 1}));
        let theirs = map(json!({"same": 1, "mine": 1, "theirs": 3, "both": 3, "alike": 2, "i removed": 1, "they added": 3, "added": 3}));
        let merged = merge(&base, &mine, &theirs, &Default::default());
        let expected = json!({"same": 1, "mine": 2, "theirs": 3, "both": 2, "alike": 2, "i added": 1, "they added": 3, "added": 1});
        assert_eq!(Value::Object(merged.values.clone()), expected);
        let clashes: Vec<_> = merged.clashes.iter().map(|clash| clash.name.as_str()).collect();
        assert_eq!(clashes, ["added", "both"]);
        let chosen = merged.with_theirs(&["both".to_owned()].into());
        assert_eq!((&chosen["both"], &chosen["added"]), (&json!(3), &json!(1)));
    }

    #[test]
    fn what_one_has_changed_and_the_other_removed_is_asked_and_can_be_removed() {
        let (base, mine, theirs) = (map(json!({"a": 1})), map(json!({"a": 2})), map(json!({})));
        let merged = merge(&base, &mine, &theirs, &Default::default());
        assert_eq!((merged.clashes.len(), merged.clashes[0].theirs.clone()), (1, None));
        assert!(merged.with_theirs(&["a".to_owned()].into()).is_empty());
    }

    #[test]
    fn a_secret_that_both_have_typed_is_asked_though_it_can_not_be_seen() {
        let (kept, typed) = (map(json!({"key": api::MASK})), map(json!({"key": "new"})));
        assert!(merge(&kept, &typed, &kept, &Default::default()).clashes.is_empty(), "they have left it");
        assert_eq!(merge(&kept, &typed, &kept, &["key".to_owned()].into()).clashes.len(), 1);
        let theirs = merge(&kept, &kept, &kept, &["key".to_owned()].into());
        assert_eq!((theirs.clashes.len(), &theirs.values["key"]), (0, &json!(api::MASK)));
    }
}
