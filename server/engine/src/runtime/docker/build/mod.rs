//! Builds images by the engine's own builders: what they say goes into the log of the service, and how far it is to whoever waits.
//!
//! That is BuildKit where the engine has it, as `docker build` does it since Docker 23, and else the builder from before. Either gets the folder as an
//! archive in the body of the request; with BuildKit there is a session beside it, in which it asks who it is to registries.

use std::io::{self, Write};
use std::time::Duration;

use api::{Builder, Error, ImageBuild, Result, ServiceId};
use bollard::Docker;
use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuilderVersion, RemoveImageOptions};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot};

use self::context::Context;
use super::make::{Image, find};
use super::registry::Registry;
use super::seen::{CONTEXT_LABEL, OWN_LABEL};
use super::{failed, words};
use crate::Core;
use crate::services::blocking;

mod buildkit;
mod classic;
mod context;
mod ignore;
mod log;

pub use log::BuildLog;

/// How long a build may take.
const LIMIT: Duration = Duration::from_secs(2 * 3600);
/// Bytes of the archive that are sent at once, and how many of such pieces wait.
const PIECE: usize = 64 << 10;
const PIECES: usize = 8;
/// Characters of an instruction that are told.
const INSTRUCTION: usize = 100;
/// The version of the engine's API since which BuildKit is no experiment.
const BUILDKIT_SINCE: (u32, u32) = (1, 40);

/// What hears of a build.
pub struct Told<'a> {
    /// How far it is.
    pub tell: &'a (dyn Fn(String) + Sync),
    /// Each line that it writes.
    pub log: BuildLog,
}

/// An image that was built, or is still as it would be built.
pub struct Built {
    /// It.
    pub image: Image,
    /// The id of the one that had its name before.
    pub replaced: Option<String>,
}

/// What the image of a service is called. Nobody else's image is: a name that could be chosen would let a service take the place of
/// what others run.
pub fn name(id: ServiceId) -> String {
    format!("pilothouse-{id}")
}

/// The image of a service, built when it isn't there, or when what it is built of has changed.
///
/// # Errors
/// `service_failed`, with the step that failed and what Docker said.
pub async fn image(core: &Core, docker: &Docker, id: ServiceId, build: &ImageBuild, told: &mut Told<'_>) -> Result<Built> {
    let read = build.clone();
    let context = blocking(move || Context::read(&read)).await?;
    let context = context.map_err(|why| Error::service(format!("the image can't be built: {why}")))?;
    let name = name(id);
    let before = find(docker, &name).await?;
    if let Some(image) = before.as_ref().filter(|image| image.context.as_deref() == Some(&context.fingerprint)) {
        return Ok(Built { image: image.clone(), replaced: None });
    }
    run(core, docker, id, build, context, told).await?;
    let image = find(docker, &name).await?;
    let image = image.ok_or_else(|| Error::service("the image isn't there although it was built; start it again"))?;
    let replaced = before.map(|before| before.digest).filter(|digest| *digest != image.digest);
    Ok(Built { image, replaced })
}

/// What [`image`] would do now, in words.
///
/// # Errors
/// `service_failed`, when the folder can't be taken.
pub async fn preparation(docker: &Docker, id: ServiceId, build: &ImageBuild) -> Result<Vec<String>> {
    let read = build.clone();
    let context = blocking(move || Context::read(&read)).await?;
    let context = context.map_err(|why| Error::service(format!("the image can't be built: {why}")))?;
    let before = find(docker, &name(id)).await?;
    if before.is_some_and(|image| image.context.as_deref() == Some(&context.fingerprint)) {
        return Ok(Vec::new());
    }
    let (files, bytes) = context.size();
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    Ok(vec![
        format!("send {files} of its folder ({:.1} MB) to Docker", bytes as f64 / 1e6),
        format!("build the image by its {}", build.dockerfile()),
    ])
}

/// Removes the image of a service, or one that was replaced. What a container of somebody else still needs stays.
pub async fn remove(docker: &Docker, image: &str) {
    if let Err(error) = docker.remove_image(image, None::<RemoveImageOptions>, None).await
        && !super::is_absent(&error)
    {
        tracing::info!(%error, image, "image_not_removed");
    }
}

async fn run(core: &Core, docker: &Docker, id: ServiceId, build: &ImageBuild, context: Context, told: &mut Told<'_>) -> Result<()> {
    let builder = match build.builder {
        Some(builder) => builder,
        None => builder_of(docker).await?,
    };
    let labels = [(OWN_LABEL.to_owned(), id.to_string()), (CONTEXT_LABEL.to_owned(), context.fingerprint.clone())];
    let options = BuildImageOptions {
        dockerfile: build.dockerfile().to_owned(),
        t: Some(name(id)),
        buildargs: Some(build.arguments.clone().into_iter().collect()),
        labels: Some(labels.into()),
        target: build.target.clone().unwrap_or_default(),
        rm: true,
        // Also when it fails: else each failure leaves a container behind.
        forcerm: true,
        version: match builder {
            Builder::Buildkit => BuilderVersion::BuilderBuildKit,
            Builder::Classic => BuilderVersion::BuilderV1,
        },
        session: (builder == Builder::Buildkit).then(|| format!("pilothouse-{}", core.clock.new_uuid())),
        ..BuildImageOptions::default()
    };
    (told.tell)("building the image: sending its folder".into());
    told.log.line(format!("Building the image of {}", build.folder)).await;
    let (archive, unread) = send(context);
    // What it is built from may be in the registry that it is pushed to.
    let accounts = match &build.push {
        Some(push) => Registry::of(core, docker, &push.image, push.registry.as_ref()).await?.accounts(),
        None => None,
    };
    let docker = Registry::readable(docker.clone().with_timeout(LIMIT));
    let mut said = docker.build_image(options, accounts, Some(bollard::body_try_stream(archive)));
    let mut progress = Progress::of(builder);
    while let Some(info) = said.next().await {
        let failure = match info {
            Ok(info) => progress.take(info, told).await,
            Err(error) => Some(words(&error)),
        };
        if let Some(failure) = failure {
            progress.finish(told).await;
            // What came of an archive that broke off isn't why.
            let why = unread.await.ok().flatten().unwrap_or(failure);
            told.log.line(why.clone()).await;
            return Err(Error::service(progress.failed(&why)));
        }
    }
    progress.finish(told).await;
    Ok(())
}

/// The builder of an engine where nobody has chosen one. What only speaks Docker's API, as Podman does, has no BuildKit.
async fn builder_of(docker: &Docker) -> Result<Builder> {
    let version = docker.version().await.map_err(|error| failed("Docker doesn't say what it builds with", &error))?;
    let is_dockers = version.components.iter().flatten().all(|part| !part.name.contains("Podman"));
    let number = version.api_version.as_deref().and_then(|text| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    let has_it = is_dockers && version.os.as_deref() == Some("linux") && number.is_some_and(|number| number >= BUILDKIT_SINCE);
    Ok(if has_it { Builder::Buildkit } else { Builder::Classic })
}

/// How far a build is, as its builder says it.
enum Progress {
    Buildkit(buildkit::Progress),
    Classic(classic::Progress),
}

impl Progress {
    fn of(builder: Builder) -> Self {
        match builder {
            Builder::Buildkit => Self::Buildkit(buildkit::Progress::default()),
            Builder::Classic => Self::Classic(classic::Progress::default()),
        }
    }

    /// Takes in what the builder says; answers why it has failed.
    async fn take(&mut self, info: BuildInfo, told: &mut Told<'_>) -> Option<String> {
        match self {
            Self::Buildkit(progress) => progress.take(info, told).await,
            Self::Classic(progress) => progress.take(info, told).await,
        }
    }

    /// The last line, which may have no end.
    async fn finish(&mut self, told: &mut Told<'_>) {
        match self {
            Self::Buildkit(progress) => progress.finish(told).await,
            Self::Classic(progress) => progress.finish(told).await,
        }
    }

    /// That it has failed, where, and why.
    fn failed(&self, why: &str) -> String {
        let step = match self {
            Self::Buildkit(progress) => progress.failed_at(),
            Self::Classic(progress) => progress.step(),
        };
        let advice = match why.contains("BuildKit") {
            true => {
                "; this Docker Engine, or \"builder\": \"classic\" of the service, builds without it: leave out what needs it, such as RUN --mount"
            }
            false => "",
        };
        let at = step.map(|step| format!(" at {step}")).unwrap_or_default();
        format!("the image can't be built{at}: {}{advice}", buildkit::plain(why.trim_end()))
    }
}

/// A step in words: `step 3 of 7, RUN make`.
fn step((at, of): (&str, &str), instruction: &str) -> Option<String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let instruction: String = instruction.chars().take(INSTRUCTION).collect();
    (is_number(at) && is_number(of)).then(|| format!("step {at} of {of}, {instruction}"))
}

/// The archive of the context piece by piece, and afterwards why it couldn't be written.
fn send(context: Context) -> (impl Stream<Item = io::Result<Bytes>> + Send + 'static, oneshot::Receiver<Option<String>>) {
    let (pieces, mut sent) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    let (told, unread) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let done = context.archive(Pieces { pieces: pieces.clone(), gathered: BytesMut::new() });
        // The engine, which has left, has said why itself.
        let why = done.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        let _ = told.send(why.as_ref().map(ToString::to_string));
        if let Some(error) = why {
            let _ = pieces.blocking_send(Err(error));
        }
    });
    (futures::stream::poll_fn(move |context| sent.poll_recv(context)), unread)
}

/// Gathers what is written into pieces that are sent.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    gathered: BytesMut,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = self.gathered.split().freeze();
        if piece.is_empty() {
            return Ok(());
        }
        self.pieces.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, classic};

    #[test]
    fn a_failure_says_where_and_what_to_do() {
        let progress = Progress::Classic(classic::Progress::at("Step 2/3 : RUN make"));
        let said = progress.failed("The command '/bin/sh -c make' returned a non-zero code: 2\n");
        assert_eq!(said, "the image can't be built at step 2 of 3, RUN make: The command '/bin/sh -c make' returned a non-zero code: 2");
        let said = Progress::Classic(classic::Progress::default()).failed("the --mount option requires BuildKit");
        assert!(said.contains("leave out what needs it"), "{said}");
    }
}
