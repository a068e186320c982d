//! Which fields stand together.

use std::collections::BTreeMap;

use super::Field;

/// More fields than this are put into groups by the beginning of their names.
const MANY: usize = 12;
/// As many have to share a beginning.
const SOME: usize = 3;

/// Fields that stand together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What they have in common; none for those that are in no group.
    pub title: Option<String>,
    /// The fields.
    pub fields: Vec<Field>,
}

/// The groups that the schema names, else by the beginning of names when there are many fields. Those in none come first.
pub fn groups(fields: Vec<Field>) -> Vec<Group> {
    let is_grouped = fields.iter().any(|field| field.group.is_some());
    let mut shared: BTreeMap<String, usize> = BTreeMap::new();
    for field in &fields {
        *shared.entry(start(field).to_owned()).or_default() += 1;
    }
    let by_name = !is_grouped && fields.len() > MANY;
    let title = |field: &Field| match &field.group {
        Some(group) => Some(group.clone()),
        None => Some(start(field)).filter(|start| by_name && !start.is_empty() && shared[*start] >= SOME).map(str::to_owned),
    };
    let mut groups = vec![Group { title: None, fields: Vec::new() }];
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for field in fields {
        let place = match title(&field) {
            None => 0,
            Some(title) => *places.entry(title.clone()).or_insert_with(|| {
                groups.push(Group { title: Some(title), fields: Vec::new() });
                groups.len() - 1
            }),
        };
        groups[place].fields.push(field);
    }
    groups.retain(|group| !group.fields.is_empty());
    groups
}

fn start(field: &Field) -> &str {
    field.name.split_once('_').map_or("", |(start, _)| start)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::fields;
    use super::groups;

    fn titles(names: &[&str], said: &Value) -> Vec<(Option<String>, usize)> {
        let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), said.clone())).collect();
        let groups = groups(fields(&json!({"properties": properties}), &json!({}), &[]));
        groups.into_iter().map(|group| (group.title, group.fields.len())).collect()
    }

    #[test]
    fn many_fields_stand_together_by_the_beginning_of_their_names() {
        let few = ["DB_A", "DB_B", "DB_C"];
        assert_eq!(titles(&few, &json!({})), [(None, 3)]);
        let many = ["A", "B", "C", "D", "E", "F", "G", "H", "X_A", "X_B", "DB_A", "DB_B", "DB_C"];
        assert_eq!(titles(&many, &json!({})), [(None, 10), (Some("DB".into()), 3)]);
        assert_eq!(titles(&few, &json!({"x-group": "Store"})), [(Some("Store".into()), 3)]);
        assert_eq!(titles(&[], &json!({})), []);
    }
}
