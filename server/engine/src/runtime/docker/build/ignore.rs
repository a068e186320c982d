//! What a `.dockerignore` keeps out of a build, by Docker's rules: the last line that fits decides, and what is below a folder goes with it.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Lines of a `.dockerignore`.
const LINES: usize = 2000;

/// The lines of a `.dockerignore`.
pub(super) struct Ignored {
    /// Two patterns for each line: what it names, and what is below that.
    patterns: GlobSet,
    /// Of each line, whether it lets in again.
    lets_in: Vec<bool>,
    /// What is never kept out: the file itself and the Dockerfile, which the engine needs.
    always: [String; 2],
}

impl Ignored {
    /// Reads the file; fails with the line that can't be read.
    pub fn read(text: &str, dockerfile: &str) -> Result<Self, String> {
        let (mut patterns, mut lets_in) = (GlobSetBuilder::new(), Vec::new());
        for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
            let (line, is_let_in) = line.strip_prefix('!').map_or((line, false), |rest| (rest.trim(), true));
            let pattern = clean(line);
            if line.starts_with('#') || pattern.is_empty() {
                continue;
            }
            if lets_in.len() == LINES {
                return Err(format!("its .dockerignore has more than {LINES} lines"));
            }
            for pattern in [pattern.clone(), format!("{pattern}/**")] {
                let glob = GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(true).build();
                patterns.add(glob.map_err(|error| format!("'{line}' in its .dockerignore can't be read: {}", error.kind()))?);
            }
            lets_in.push(is_let_in);
        }
        let patterns = patterns.build().map_err(|error| format!("its .dockerignore can't be read: {error}"))?;
        Ok(Self { patterns, lets_in, always: [".dockerignore".into(), dockerfile.into()] })
    }

    /// Whether the file or folder at this path in the context stays out.
    pub fn has(&self, path: &Path) -> bool {
        if self.always.iter().any(|always| Path::new(always) == path) {
            return false;
        }
        self.patterns.matches(path).last().is_some_and(|pattern| !self.lets_in[pattern / 2])
    }

    /// Whether nothing in the folder at this path can be wanted, so that it needn't be looked at.
    pub fn has_all_of(&self, folder: &Path) -> bool {
        self.has(folder) && !self.lets_in.contains(&true) && !self.always.iter().any(|always| Path::new(always).starts_with(folder))
    }
}

/// A pattern without `.`, `..` and empty parts, as Docker cleans it; braces mean themselves.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/").replace('{', "[{]").replace('}', "[}]")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Ignored;

    #[test]
    fn lines_mean_what_docker_says_they_mean() {
        let text = "\u{feff}# a comment\n\n*.log\n/build/\n**/__pycache__\nsecret?.txt\n.git\n./a/../tmp\nnode_modules\n!node_modules/kept\ndocs/*\n!docs/README.md\n[ab].c\n{x}\n*\\#";
        let ignored = Ignored::read(text, "docker/Dockerfile").expect("it is right");
        let out = [
            "a.log",
            "build",
            "build/x/y",
            "__pycache__",
            "a/b/__pycache__/c.pyc",
            "secret1.txt",
            ".git/config",
            "tmp/x",
            "node_modules/left",
            "docs/other.md",
            "a.c",
            "{x}",
            "x#",
        ];
        for path in out {
            assert!(ignored.has(Path::new(path)), "{path}");
        }
        let inside = [
            "a/b.log",
            "a/build",
            "secret12.txt",
            "a",
            "node_modules/kept/x",
            "docs",
            "docs/README.md",
            "c.c",
            "x",
            "# a comment",
            "app.py",
        ];
        for path in inside {
            assert!(!ignored.has(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn what_the_engine_needs_is_never_kept_out() {
        let ignored = Ignored::read("**", "docker/web.Dockerfile").expect("it is right");
        assert!(!ignored.has(Path::new("docker/web.Dockerfile")) && !ignored.has(Path::new(".dockerignore")));
        assert!(!ignored.has_all_of(Path::new("docker")) && ignored.has_all_of(Path::new("src")));
        let lets_in = Ignored::read("*\n!src/app.py", "Dockerfile").expect("it is right");
        assert!(!lets_in.has_all_of(Path::new("src")) && !lets_in.has(Path::new("src/app.py")) && lets_in.has(Path::new("src/b.py")));
    }

    #[test]
    fn what_can_t_be_read_is_said() {
        let Err(why) = Ignored::read("a\n[b", "Dockerfile") else { panic!("it has an open class") };
        assert!(why.starts_with("'[b' in its .dockerignore can't be read"), "{why}");
        assert!(Ignored::read(&"a\n".repeat(3000), "Dockerfile").is_err());
    }
}
