//! Compressed copies beside the files of the site, so that the server never compresses a file while it answers.

use std::fs;
use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::content;
use crate::step::Result;

const COMPRESSIBLE: [&str; 9] = ["css", "html", "js", "json", "map", "svg", "txt", "wasm", "webmanifest"];

/// Writes `file.br` and `file.gz` beside every compressible file under the folder, and prints what the largest come to.
pub fn beside(folder: &Path) -> Result {
    let mut files = content::files(folder)?;
    files.retain(|file| COMPRESSIBLE.contains(&file.extension().unwrap_or_default().to_string_lossy().as_ref()));
    let next = AtomicUsize::new(0);
    let work = || std::iter::from_fn(|| files.get(next.fetch_add(1, Ordering::Relaxed))).try_for_each(|file| compress(file));
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "compressing a file panicked".to_owned())?)
    })
}

fn compress(file: &Path) -> Result {
    let compressed = |error: std::io::Error| format!("can't compress {}: {error}", file.display());
    let content = fs::read(file).map_err(compressed)?;
    let (brotli, gzip) = (brotli(&content).map_err(compressed)?, gzip(&content).map_err(compressed)?);
    if content.len() > 4096 {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        eprintln!("    {name}: {} bytes, gzip {}, brotli {}", content.len(), gzip.len(), brotli.len());
    }
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    fs::write(file.with_extension(format!("{extension}.br")), brotli).map_err(compressed)?;
    fs::write(file.with_extension(format!("{extension}.gz")), gzip).map_err(compressed)
}

fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let params = BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: content.len(), ..BrotliEncoderParams::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut compressed, &params)?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}
