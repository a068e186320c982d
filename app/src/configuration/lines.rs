//! YAML, TOML and `.env` while they are typed: how the parts of their lines are told apart. What is wrong with them the server says.

use api::ConfigurationFormat;

use super::json::{MARKED, escape};

/// The text as HTML: names in `b`, other values in `i`, comments in `em`.
pub fn marked_lines(format: ConfigurationFormat, text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    if text.len() > MARKED {
        escape(text, &mut html);
    } else {
        text.split_inclusive('\n').for_each(|line| mark(format, line, &mut html));
    }
    // The last line has its height though nothing is in it.
    html.push('\n');
    html
}

fn mark(format: ConfigurationFormat, line: &str, html: &mut String) {
    let comment = comment(line);
    let (said, remark) = line.split_at(comment);
    let name = name(format, said);
    let (start, rest) = said.split_at(name.0);
    let (name, rest) = rest.split_at(name.1);
    escape(start, html);
    tag("b", name, html);
    let sign = rest.len() - rest.trim_start_matches([' ', ':', '=', '-', '[']).len();
    let (sign, value) = rest.split_at(if name.is_empty() { rest.len() - rest.trim_start_matches([' ', '-']).len() } else { sign });
    escape(sign, html);
    tag("i", value, html);
    tag("em", remark, html);
}

/// A part in a tag; blanks at its end stay outside.
fn tag(tag: &str, text: &str, html: &mut String) {
    let (inner, blank) = text.split_at(text.trim_end().len());
    if !inner.is_empty() {
        html.extend(["<", tag, ">"]);
        escape(inner, html);
        html.extend(["</", tag, ">"]);
    }
    escape(blank, html);
}

/// Where the name in a line stands, and how long it is; none is 0 long.
fn name(format: ConfigurationFormat, line: &str) -> (usize, usize) {
    let start = line.len() - line.trim_start_matches([' ', '\t', '-']).len();
    let start = if format == ConfigurationFormat::Env && line[start..].starts_with("export ") { start + 7 } else { start };
    let rest = &line[start..];
    if format == ConfigurationFormat::Toml && rest.starts_with('[') {
        return (start, rest.trim_end().len());
    }
    let end = match format {
        ConfigurationFormat::Yaml => {
            let ends = |at: &usize| rest[at + 1..].starts_with([' ', '\n', '\r']) || at + 1 == rest.len();
            rest.match_indices(':').map(|(at, _)| at).find(ends)
        }
        _ => rest.find('='),
    };
    (start, end.map_or(0, |end| rest[..end].trim_end().len()))
}

/// Where the comment of a line begins.
fn comment(line: &str) -> usize {
    let (mut quote, mut before) = (None, ' ');
    for (at, letter) in line.char_indices() {
        match (letter, quote) {
            ('#', None) if before.is_ascii_whitespace() => return at,
            ('"' | '\'', None) if !before.is_ascii_alphanumeric() => quote = Some(letter),
            (_, Some(open)) if open == letter && before != '\\' => quote = None,
            _ => {}
        }
        before = letter;
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use api::ConfigurationFormat::{self, Env, Toml, Yaml};
    use proptest::prelude::*;

    use super::marked_lines;

    #[test]
    fn parts_are_marked_and_nothing_of_the_text_becomes_html() {
        let cases = [
            (Yaml, "A: <1> # x", "<b>A</b>: <i>&lt;1&gt;</i> <em># x</em>\n"),
            (Yaml, "a:\n  - b: 'c # d'\n  - e", "<b>a</b>:\n  - <b>b</b>: <i>'c # d'</i>\n  - <i>e</i>\n"),
            (Yaml, "URL: http://x:80/#a", "<b>URL</b>: <i>http://x:80/#a</i>\n"),
            (Toml, "[db]\nport = 1 # <p>", "<b>[db]</b>\n<b>port</b> = <i>1</i> <em># &lt;p&gt;</em>\n"),
            (Env, "# a\nexport B=\"c # d\" # e", "<em># a</em>\nexport <b>B</b>=<i>\"c # d\"</i> <em># e</em>\n"),
        ];
        for (format, text, html) in cases {
            assert_eq!(marked_lines(format, text), html, "{format} {text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_out_whole(text in "(\\PC|[ \n#:='\"\\[\\]A-C-]){0,60}") {
            for format in ConfigurationFormat::ALL {
                let html = marked_lines(format, &text);
                let mut plain = html.clone();
                for tag in ["b", "i", "em"] {
                    plain = plain.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
                }
                let plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
                prop_assert_eq!(plain, format!("{text}\n"));
            }
        }
    }
}
