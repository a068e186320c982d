//! The style sheet: `style/main.css` with its imports put in their place, so that a browser fetches one file.

use std::fs;
use std::path::Path;

use crate::step::Result;

/// Writes `from` to `to` with every `@import "file" [layer(name)];` line replaced by that file, in its layer.
pub fn flatten(from: &Path, to: &Path) -> Result {
    let text = read(from)?;
    let folder = from.parent().unwrap_or(Path::new("."));
    let mut flat = String::with_capacity(text.len() * 4);
    for line in text.lines() {
        match import(line) {
            Some((file, Some(layer))) => flat.push_str(&format!("@layer {layer} {{\n{}}}\n", read(&folder.join(file))?)),
            Some((file, None)) => flat.push_str(&read(&folder.join(file))?),
            None => flat.push_str(&format!("{line}\n")),
        }
    }
    let flat = without_comments(&flat);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::write(to, flat).map_err(|error| format!("{}: {error}", to.display()))
}

/// The file and the layer of an import line.
fn import(line: &str) -> Option<(&str, Option<&str>)> {
    let rest = line.trim().strip_prefix("@import")?.trim().strip_suffix(';')?.trim();
    let rest = rest.strip_prefix("url(").map_or(rest, |inner| inner.trim());
    let (file, rest) = rest.strip_prefix('"')?.split_once('"')?;
    let layer = rest.trim_start_matches(')').trim().strip_prefix("layer(").and_then(|rest| rest.split_once(')'));
    Some((file, layer.map(|(name, _)| name.trim())))
}

/// Leaves out comments and the indentation; strings are left as they are.
fn without_comments(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let end = if from.starts_with("/*") {
            from.find("*/").map(|end| end + 2)
        } else if from.starts_with('/') {
            kept.push('/');
            Some(1)
        } else {
            let quote = &from[..1];
            let end = from[1..].find(quote).map(|end| end + 2);
            kept.push_str(&from[..end.unwrap_or(from.len())]);
            end
        };
        rest = &from[end.unwrap_or(from.len())..];
    }
    kept.push_str(rest);
    let lines = kept.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn read(file: &Path) -> Result<String> {
    let mut text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_lines_are_understood() {
        assert_eq!(import(r#"@import "tokens.css" layer(tokens);"#), Some(("tokens.css", Some("tokens"))));
        assert_eq!(import(r#"  @import url("a/b.css") layer( base );"#), Some(("a/b.css", Some("base"))));
        assert_eq!(import(r#"@import "chart.css";"#), Some(("chart.css", None)));
        assert_eq!(import("@layer tokens, base;"), None);
    }

    #[test]
    fn comments_go_and_strings_stay() {
        let css = "/* one */ a { content: \"/* kept */\"; }\n\n  b { width: calc(1px / 2); } /* end";
        assert_eq!(without_comments(css), "a { content: \"/* kept */\"; }\nb { width: calc(1px / 2); }\n");
    }
}
