//! What BuildKit says of a build: steps that begin and end side by side, and what each writes.
//!
//! In the log they are as `docker build --progress=plain` prints them, without the times: a line with number and name begins a step, and is there
//! again where its lines go on after those of another.

use std::collections::HashMap;

use bollard::moby::buildkit::v1::{StatusResponse, Vertex, VertexStatus};
use bollard::models::{BuildInfo, BuildInfoAux};

use super::{INSTRUCTION, Told, step};

/// Bytes of a line that has no end yet.
const LINE: usize = 64 << 10;

/// How far it is.
#[derive(Default)]
pub struct Progress {
    /// The steps that have begun, by their digests.
    steps: HashMap<String, Step>,
    /// Whose lines come.
    speaker: Option<String>,
    /// The step that began last, in words.
    doing: String,
    /// The one that failed.
    failed_at: Option<String>,
    /// Of what is downloaded: how many bytes of how many, by what it is.
    downloads: HashMap<String, (i64, i64)>,
    told: String,
}

struct Step {
    number: usize,
    name: String,
    /// The beginning of a line.
    unfinished: Vec<u8>,
    has_ended: bool,
}

impl Progress {
    /// Takes in what it says; answers why it has failed.
    pub async fn take(&mut self, info: BuildInfo, told: &mut Told<'_>) -> Option<String> {
        if let Some(BuildInfoAux::BuildKit(StatusResponse { vertexes, statuses, logs, .. })) = info.aux {
            for vertex in &vertexes {
                self.begin(vertex, told).await;
            }
            for log in logs {
                self.write(&log.vertex, &log.msg, told).await;
            }
            for vertex in vertexes {
                self.end(vertex, told).await;
            }
            self.download(statuses, told);
        }
        // Said once for all: what the image is, and what it is called.
        info.error_detail.and_then(|detail| detail.message)
    }

    /// The last lines, which may have no end.
    pub async fn finish(&mut self, told: &mut Told<'_>) {
        let mut open: Vec<(usize, String)> = self.steps.iter().map(|(digest, step)| (step.number, digest.clone())).collect();
        open.sort_unstable();
        for (_, digest) in open {
            self.flush(&digest, told).await;
        }
    }

    /// The step that it failed at.
    pub fn failed_at(&self) -> Option<&str> {
        self.failed_at.as_deref()
    }

    async fn begin(&mut self, vertex: &Vertex, told: &mut Told<'_>) {
        if vertex.started.is_none() || self.steps.contains_key(&vertex.digest) {
            return;
        }
        let number = self.steps.len() + 1;
        let name: String = vertex.name.chars().take(2 * INSTRUCTION).collect();
        self.steps.insert(vertex.digest.clone(), Step { number, name, unfinished: Vec::new(), has_ended: false });
        self.speak(&vertex.digest, told).await;
        self.doing = in_words(&vertex.name);
        self.downloads.clear();
        self.tell(String::new(), told);
    }

    async fn end(&mut self, vertex: Vertex, told: &mut Told<'_>) {
        let Vertex { digest, name, completed, cached, error, .. } = vertex;
        // A step that was cancelled because another has failed isn't why.
        if !error.is_empty() && self.failed_at.is_none() && !error.contains("context canceled") {
            self.failed_at = Some(in_words(&name)).filter(|words| words.starts_with("step "));
        }
        if completed.is_none() || self.steps.get(&digest).is_none_or(|step| step.has_ended) {
            return;
        }
        self.flush(&digest, told).await;
        let Some(step) = self.steps.get_mut(&digest) else { return };
        step.has_ended = true;
        let number = step.number;
        if cached {
            told.log.line(format!("#{number} CACHED")).await;
        } else if !error.is_empty() {
            told.log.line(format!("#{number} ERROR: {error}")).await;
        }
    }

    /// Writes what a step has written, line by line.
    async fn write(&mut self, digest: &str, bytes: &[u8], told: &mut Told<'_>) {
        let Some(step) = self.steps.get_mut(digest) else { return };
        step.unfinished.extend_from_slice(bytes);
        let whole = match step.unfinished.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => step.unfinished.drain(..=end).collect::<Vec<u8>>(),
            None if step.unfinished.len() > LINE => std::mem::take(&mut step.unfinished),
            None => return,
        };
        self.speak(digest, told).await;
        for line in whole.split(|byte| *byte == b'\n') {
            told.log.line(String::from_utf8_lossy(line).into_owned()).await;
        }
    }

    /// Writes the line that a step has begun.
    async fn flush(&mut self, digest: &str, told: &mut Told<'_>) {
        let Some(step) = self.steps.get_mut(digest) else { return };
        let line = std::mem::take(&mut step.unfinished);
        if !line.is_empty() {
            self.speak(digest, told).await;
            told.log.line(String::from_utf8_lossy(&line).into_owned()).await;
        }
    }

    /// Says whose the next lines are, unless the last ones were too.
    async fn speak(&mut self, digest: &str, told: &mut Told<'_>) {
        if self.speaker.as_deref() == Some(digest) {
            return;
        }
        if let Some(Step { number, name, .. }) = self.steps.get(digest) {
            told.log.line(format!("#{number} {name}")).await;
        }
        self.speaker = Some(digest.to_owned());
    }

    fn download(&mut self, statuses: Vec<VertexStatus>, told: &Told<'_>) {
        let moved: Vec<_> = statuses.into_iter().filter(|status| status.total > 0).collect();
        if moved.is_empty() {
            return;
        }
        self.downloads.extend(moved.into_iter().map(|status| (status.id, (status.current.min(status.total), status.total))));
        let (moved, all) = self.downloads.values().fold((0, 0), |(moved, all), (current, total)| (moved + current, all + total));
        let megabyte = |bytes: i64| bytes / 1_000_000;
        if megabyte(all) > 0 {
            self.tell(format!(", {} of {} MB", megabyte(moved), megabyte(all)), told);
        }
    }

    fn tell(&mut self, far: String, told: &Told<'_>) {
        let label = format!("building the image: {}{far}", self.doing);
        if label != self.told {
            (told.tell)(label.clone());
            self.told = label;
        }
    }
}

/// Why it failed, without what each part of BuildKit that has passed it on has put before it.
pub fn plain(why: &str) -> &str {
    const PASSED_ON: [&str; 5] = [
        "failed to solve with frontend dockerfile.v0: ",
        "failed to solve with frontend gateway.v0: ",
        "failed to solve: ",
        "rpc error: code = Unknown desc = ",
        "failed to create LLB definition: ",
    ];
    let shorter = PASSED_ON.into_iter().find_map(|words| why.strip_prefix(words));
    shorter.map_or(why, plain)
}

/// What a step does: `[builder 3/7] RUN make` is `step 3 of 7, RUN make (builder)`, and `[internal] load metadata` is `load metadata`.
fn in_words(name: &str) -> String {
    let plain = || name.strip_prefix("[internal] ").unwrap_or(name).chars().take(INSTRUCTION).collect();
    let Some((place, instruction)) = name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else { return plain() };
    let (stage, place) = place.rsplit_once(' ').unwrap_or(("", place));
    let Some(step) = place.split_once('/').and_then(|place| step(place, instruction)) else { return plain() };
    // Stages without a name are numbered.
    if stage.is_empty() || stage.starts_with("stage-") { step } else { format!("{step} ({stage})") }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bollard::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus};
    use bollard::models::{BuildInfo, BuildInfoAux};

    use super::super::{BuildLog, Told};
    use super::{Progress, in_words, plain};
    use crate::runtime::Said;

    fn vertex(digest: &str, name: &str) -> Vertex {
        Vertex { digest: digest.into(), name: name.into(), started: Some(Default::default()), ..Vertex::default() }
    }

    fn ended(vertex: Vertex) -> Vertex {
        Vertex { completed: Some(Default::default()), ..vertex }
    }

    fn wrote(digest: &str, text: &str) -> VertexLog {
        VertexLog { vertex: digest.into(), msg: text.as_bytes().to_vec(), ..VertexLog::default() }
    }

    fn of(vertexes: Vec<Vertex>, logs: Vec<VertexLog>) -> StatusResponse {
        StatusResponse { vertexes, logs, ..StatusResponse::default() }
    }

    /// The lines and the labels of what was said, and where it failed.
    async fn heard(said: Vec<StatusResponse>) -> (Vec<String>, Vec<String>, Option<String>) {
        let (lines, labels) = (Arc::new(Mutex::new(Vec::new())), Mutex::new(Vec::new()));
        let kept = lines.clone();
        let log = BuildLog::telling(Arc::new(move |said| {
            if let Said::Line(line) = said {
                kept.lock().unwrap().push(line);
            }
        }));
        let tell = |label| labels.lock().unwrap().push(label);
        let mut told = Told { tell: &tell, log };
        let mut progress = Progress::default();
        for status in said {
            let info = BuildInfo { aux: Some(BuildInfoAux::BuildKit(status)), ..BuildInfo::default() };
            assert_eq!(progress.take(info, &mut told).await, None);
        }
        progress.finish(&mut told).await;
        let lines = lines.lock().unwrap().clone();
        (lines, labels.into_inner().unwrap(), progress.failed_at().map(str::to_owned))
    }

    #[test]
    fn a_step_is_told_in_words() {
        for (name, words) in [
            ("[stage-0 2/3] RUN make", "step 2 of 3, RUN make"),
            ("[2/3] RUN make", "step 2 of 3, RUN make"),
            ("[builder 1/3] FROM docker.io/library/rust:1", "step 1 of 3, FROM docker.io/library/rust:1 (builder)"),
            ("[internal] load build context", "load build context"),
            ("exporting to image", "exporting to image"),
            ("[a/b] x", "[a/b] x"),
        ] {
            assert_eq!(in_words(name), words);
        }
    }

    #[test]
    fn why_it_failed_is_said_without_what_was_put_before_it() {
        let why = "dockerfile parse error line 1: unknown instruction: FRUM";
        assert_eq!(plain(&format!("failed to solve with frontend dockerfile.v0: failed to create LLB definition: {why}")), why);
        assert_eq!(plain(why), why);
    }

    #[tokio::test]
    async fn steps_side_by_side_keep_their_lines_apart() {
        let (one, two) = (vertex("a", "[one 1/2] RUN a"), vertex("b", "[two 1/2] RUN b"));
        let (lines, labels, failed_at) = heard(vec![
            of(vec![Vertex { started: None, ..one.clone() }], Vec::new()),
            of(vec![one.clone()], vec![wrote("a", "first\nsec")]),
            of(vec![two.clone()], vec![wrote("b", "other\n"), wrote("a", "ond\n\n")]),
            of(
                vec![ended(one.clone()), ended(one), ended(Vertex { cached: true, ..two })],
                vec![wrote("a", "no end"), wrote("unknown", "x\n")],
            ),
        ])
        .await;
        let expected =
            ["#1 [one 1/2] RUN a", "first", "#2 [two 1/2] RUN b", "other", "#1 [one 1/2] RUN a", "second", "no end", "#2 CACHED"];
        assert_eq!(lines, expected);
        assert_eq!(labels, ["building the image: step 1 of 2, RUN a (one)", "building the image: step 1 of 2, RUN b (two)"]);
        assert_eq!(failed_at, None);
    }

    #[tokio::test]
    async fn the_step_that_failed_is_why_and_not_those_that_were_cancelled_with_it() {
        let failed = |vertex, error: &str| ended(Vertex { error: error.into(), ..vertex });
        let (one, two) = (vertex("a", "[one 1/2] RUN a"), vertex("b", "[two 2/2] RUN b"));
        let ends = vec![failed(one.clone(), "rpc error: context canceled"), failed(two.clone(), "exit code: 2")];
        let (lines, _, failed_at) = heard(vec![of(vec![one, two], Vec::new()), of(ends, Vec::new())]).await;
        assert_eq!(failed_at.as_deref(), Some("step 2 of 2, RUN b (two)"));
        assert_eq!(lines.last().unwrap(), "#2 ERROR: exit code: 2");
    }

    #[tokio::test]
    async fn downloads_are_told_in_megabytes() {
        let layer = |id: &str, current| VertexStatus { id: id.into(), current, total: 40_000_000, ..VertexStatus::default() };
        let statuses = vec![layer("x", 12_500_000), layer("y", 50_000_000)];
        let from = of(vec![vertex("a", "[1/1] FROM a")], Vec::new());
        let (_, labels, _) = heard(vec![from, StatusResponse { statuses, ..StatusResponse::default() }]).await;
        assert_eq!(labels.last().unwrap(), "building the image: step 1 of 1, FROM a, 52 of 80 MB");
    }
}
