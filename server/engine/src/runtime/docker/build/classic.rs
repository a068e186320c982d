//! What the builder from before BuildKit says: lines, of which one begins each step.

use bollard::models::BuildInfo;

use super::super::registry::Layers;
use super::{Told, step};

/// How far it is.
#[derive(Default)]
pub struct Progress {
    /// The beginning of a line.
    unfinished: String,
    /// Which step of how many, and what it does.
    step: Option<String>,
    layers: Layers,
}

impl Progress {
    /// Takes in what it says; answers why it has failed.
    pub async fn take(&mut self, info: BuildInfo, told: &mut Told<'_>) -> Option<String> {
        if let Some(downloaded) = self.layers.take(info.id, info.status.as_deref(), info.progress_detail.as_ref()) {
            (told.tell)(self.label(Some(&downloaded)));
        }
        self.unfinished.push_str(&info.stream.unwrap_or_default());
        while let Some(end) = self.unfinished.find('\n') {
            let line: String = self.unfinished.drain(..=end).collect();
            if let Some(step) = begun(line.trim_end()) {
                self.step = Some(step);
                (told.tell)(self.label(None));
            }
            told.log.line(line).await;
        }
        info.error_detail.and_then(|detail| detail.message)
    }

    /// The last line, which may have no end.
    pub async fn finish(&mut self, told: &mut Told<'_>) {
        told.log.line(std::mem::take(&mut self.unfinished)).await;
    }

    /// The step that it is at, or failed at.
    pub fn step(&self) -> Option<&str> {
        self.step.as_deref()
    }

    fn label(&self, doing: Option<&str>) -> String {
        let parts: Vec<&str> = self.step().into_iter().chain(doing).collect();
        format!("building the image: {}", parts.join(", "))
    }

    /// One that has read that line.
    #[cfg(test)]
    pub fn at(line: &str) -> Self {
        Self { step: begun(line), ..Self::default() }
    }
}

/// The step that a line begins: `Step 3/7 : RUN make` is `step 3 of 7, RUN make`.
fn begun(line: &str) -> Option<String> {
    let (place, instruction) = line.strip_prefix("Step ")?.split_once(" : ")?;
    step(place.split_once('/')?, instruction)
}

#[cfg(test)]
mod tests {
    use super::begun;

    #[test]
    fn a_step_is_read_from_what_the_builder_prints() {
        let step = begun("Step 3/7 : RUN pip install -r requirements.txt");
        assert_eq!(step.as_deref(), Some("step 3 of 7, RUN pip install -r requirements.txt"));
        for other in ["", "Step", "Step 1/2", "Step a/b : RUN x", " ---> Running in 1234", "Steps 1/2 : RUN"] {
            assert_eq!(begun(other), None, "{other}");
        }
    }
}
