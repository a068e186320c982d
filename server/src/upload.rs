//! Files that come and go piece by piece, and are never whole in memory: a form with a file (`multipart/form-data`), its fields first, and a backup.

use std::collections::BTreeMap;
use std::time::Duration;

use api::ports::{Backup, Pieces};
use api::{Error, ErrorCode, NewRestore, Result, Secret};
use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::header;
use multer::{Constraints, Field, Multipart, SizeLimit};

/// The most bytes of a form with a backup: 1 GiB for that, and what is around it.
pub const LIMIT: usize = (1 << 30) + (64 << 10);
/// The most bytes of all fields before the file.
const FIELDS: usize = 16 << 10;
/// How long a client may take to send the next piece.
const PATIENCE: Duration = Duration::from_secs(30);

/// A form whose file hasn't been read yet.
pub struct Upload {
    fields: BTreeMap<String, String>,
    file: Field<'static>,
}

impl Upload {
    /// Reads the fields of a form up to its file.
    ///
    /// # Errors
    /// `unsupported_media_type` for another kind of body, `malformed_request`, `payload_too_large`, and `validation_failed` at `/file` when there is none.
    pub async fn of(request: Request) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(kind).map_err(|_| {
            let message = "this operation takes a form with a file: send it as 'multipart/form-data', the file as its last field, 'file'";
            Error::new(ErrorCode::UnsupportedMediaType, message)
        })?;
        // Whoever reads a form takes all that is there at once: so it is one piece at a time.
        let pieces = futures::stream::unfold(request.into_body().into_data_stream(), async |mut pieces| {
            tokio::task::yield_now().await;
            pieces.next().await.map(|piece| (piece, pieces))
        });
        let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(LIMIT as u64));
        let mut form = Multipart::with_constraints(pieces, boundary, constraints);
        let (mut fields, mut bytes) = (BTreeMap::new(), 0);
        loop {
            let Some(mut field) = patiently(form.next_field()).await? else {
                return Err(Error::invalid("/file", "the form has no file: it is the last field, 'file', after the others"));
            };
            let name: String = field.name().unwrap_or_default().chars().take(100).collect();
            if name == "file" {
                return Ok(Self { fields, file: field });
            }
            let mut text = Vec::new();
            bytes += name.len();
            while let Some(piece) = patiently(field.chunk()).await? {
                bytes += piece.len();
                if bytes > FIELDS {
                    let message = format!("the fields before the file are larger than {FIELDS} bytes together; send less");
                    return Err(Error::new(ErrorCode::PayloadTooLarge, message));
                }
                text.extend_from_slice(&piece);
            }
            let text = String::from_utf8(text).ok().filter(|text| !text.contains('\0'));
            let text = text.ok_or_else(|| Error::invalid("", "a field of the form isn't a text"))?;
            if fields.insert(name, text).is_some() {
                return Err(Error::invalid("", "a field of the form is there twice"));
            }
        }
    }

    /// The field of that name, taken out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.fields.remove(name)
    }

    /// How a backup is restored, and the backup.
    ///
    /// # Errors
    /// `validation_failed` at what is missing, unknown or neither true nor false.
    pub fn restore(mut self) -> Result<(NewRestore, Box<dyn Pieces>)> {
        let mut secret = |name: &str| {
            let text = self.fields.remove(name);
            text.map(Secret::new)
                .ok_or_else(|| Error::invalid(format!("/{name}"), format!("the form has no field '{name}' before its file")))
        };
        let (password, passphrase) = (secret("password")?, secret("passphrase")?);
        let mut is = |name: &str| match self.fields.remove(name).as_deref() {
            None | Some("" | "false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::invalid(format!("/{name}"), format!("{name} is true or false"))),
        };
        let (newest, replace_secrets, dry_run) = (is("newest")?, is("replace_secrets")?, is("dry_run")?);
        if !self.fields.is_empty() {
            let message =
                "the form has a field that this operation doesn't know; it knows password, passphrase, newest, replace_secrets and dry_run";
            return Err(Error::invalid("", message));
        }
        Ok((NewRestore { password, passphrase, newest, replace_secrets, dry_run }, Box::new(File(self.file))))
    }
}

/// The file of a form.
struct File(Field<'static>);

#[async_trait]
impl Pieces for File {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(patiently(self.0.chunk()).await?.map(Vec::from))
    }
}

/// A backup as a file to be kept.
pub fn download(backup: Backup) -> Response {
    let Backup { file_name, bytes, content } = backup;
    let pieces = futures::stream::unfold(Some(content), async |content| {
        let mut content = content?;
        match content.next().await {
            Ok(piece) => piece.map(|piece| (Ok(piece), Some(content))),
            Err(error) => Some((Err(std::io::Error::other(error.message)), None)),
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file_name}\"")),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

async fn patiently<T>(piece: impl Future<Output = multer::Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, piece).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(multer::Error::StreamSizeExceeded { limit })) => {
            Err(Error::new(ErrorCode::PayloadTooLarge, format!("the body is larger than {limit} bytes; send less")))
        }
        Ok(Err(_)) => Err(Error::new(ErrorCode::MalformedRequest, "the form can't be read, or ended before it was complete")),
        Err(_) => Err(Error::new(ErrorCode::MalformedRequest, "the form did not go on for 30 seconds")),
    }
}
