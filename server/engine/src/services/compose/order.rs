//! The order in which services are made: what others need comes first.

use std::collections::{BTreeMap, BTreeSet};

use api::{Error, Result};

use super::value::shown;

/// The keys with what is needed first, ties by key; a need that is no key doesn't count. Fails at `/compose` with a circle when there is
/// one.
pub(super) fn order(needs: &BTreeMap<String, Vec<String>>) -> Result<Vec<String>> {
    let mut waiting: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut needed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, needed) in needs {
        let counted: BTreeSet<&str> = needed.iter().map(String::as_str).filter(|needed| needs.contains_key(*needed)).collect();
        for needed in &counted {
            needed_by.entry(needed).or_default().push(key);
        }
        waiting.insert(key, counted);
    }
    let mut ready: BTreeSet<&str> = waiting.iter().filter(|(_, needed)| needed.is_empty()).map(|(key, _)| *key).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(key) = ready.pop_first() {
        waiting.remove(key);
        order.push(key.to_owned());
        for other in needed_by.get(key).into_iter().flatten() {
            if let Some(needed) = waiting.get_mut(other) {
                needed.remove(key);
                if needed.is_empty() {
                    ready.insert(other);
                }
            }
        }
    }
    if waiting.is_empty() { Ok(order) } else { Err(circle(&waiting)) }
}

/// Names a circle among services that all wait for another of them.
fn circle(waiting: &BTreeMap<&str, BTreeSet<&str>>) -> Error {
    let mut path: Vec<&str> = Vec::new();
    let mut next = waiting.keys().next().copied();
    while let Some(key) = next.filter(|key| !path.contains(key)) {
        path.push(key);
        next = waiting.get(key).and_then(|needed| needed.first().copied());
    }
    let start = next.and_then(|key| path.iter().position(|passed| *passed == key)).unwrap_or_default();
    let circle = &path[start..];
    let steps = circle.iter().zip(circle.iter().cycle().skip(1)).map(|(key, needed)| format!("{} needs {}", shown(key), shown(needed)));
    let steps = steps.take(10).collect::<Vec<_>>().join(", ");
    Error::invalid("/compose", format!("services need one another in a circle: {steps}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::order;

    fn needs(table: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        table.iter().map(|(key, needs)| ((*key).into(), needs.iter().map(|need| (*need).into()).collect())).collect()
    }

    #[test]
    fn what_is_needed_comes_first_and_ties_go_by_name() {
        let table = needs(&[("a", &["z", "gone"]), ("b", &[]), ("c", &["a", "b"]), ("z", &[])]);
        assert_eq!(order(&table).unwrap(), ["b", "z", "a", "c"]);
        assert_eq!(order(&needs(&[])).unwrap(), [""; 0]);
    }

    #[test]
    fn a_circle_is_named_without_what_only_leads_to_it() {
        let message = |table: &[(&str, &[&str])]| order(&needs(table)).unwrap_err().message;
        let circle = message(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &[])]);
        assert_eq!(circle, "services need one another in a circle: b needs c, c needs b");
        assert_eq!(message(&[("a", &["a"])]), "services need one another in a circle: a needs a");
    }
}
