//! The templates that Pilothouse brings along: plain files, each a folder beside this one.

use std::sync::LazyLock;

use api::TemplateFile;
use serde::Deserialize;
use serde_json::Value;

/// A template that is part of the program.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    pub id: &'static str,
    pub name: String,
    pub description: String,
    pub version: u32,
    /// What a service is made with.
    pub variables_schema: Value,
    /// What the configuration of such a service may be.
    pub configuration_schema: Value,
    /// What is the same for each.
    pub files: Vec<TemplateFile>,
}

/// What its `template.json` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    name: String,
    description: String,
    version: u32,
    variables_schema: Value,
}

/// Reads the files of each template into the program: its folder, with the files that are made of it.
macro_rules! built_in {
    ($($id:literal: [$($file:literal),+];)+) => {
        [$((
            $id,
            include_str!(concat!($id, "/template.json")),
            include_str!(concat!($id, "/schema.json")),
            [$(($file, include_str!(concat!($id, "/", $file)))),+].as_slice(),
        )),+]
    };
}

type Text = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const TEXTS: &[Text] = &built_in! {
    "background-worker": ["README.md", "main.py"];
    "base-service": ["README.md", "main.py", "requirements.txt"];
    "crud-data-service": ["README.md", "main.py", "requirements.txt"];
};

static ALL: LazyLock<Vec<BuiltIn>> = LazyLock::new(|| TEXTS.iter().filter_map(read).collect());

/// All of them, by id.
pub(crate) fn all() -> &'static [BuiltIn] {
    &ALL
}

/// The one of that id.
pub(crate) fn find(id: &str) -> Option<&'static BuiltIn> {
    all().iter().find(|template| template.id == id)
}

/// One that can't be read is a defect that a test of this crate finds; the others are there all the same.
fn read((id, about, schema, files): &Text) -> Option<BuiltIn> {
    let parsed = serde_json::from_str::<About>(about).and_then(|about| Ok((about, serde_json::from_str(schema)?)));
    let (About { name, description, version, variables_schema }, configuration_schema) =
        parsed.inspect_err(|error| tracing::error!(template = id, %error, "template_unreadable")).ok()?;
    let files = files.iter().map(|(name, content)| TemplateFile { name: (*name).into(), content: (*content).into() }).collect();
    Some(BuiltIn { id, name, description, version, variables_schema, configuration_schema, files })
}
