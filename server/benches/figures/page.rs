//! The bytes of the first page on the wire, with all that it loads.

use std::collections::BTreeSet;

use crate::client::Client;
use crate::program::Program;
use crate::table::Table;

pub async fn measure(table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = Client::open(&program.address).await.unwrap();
    let page = client.get("/sign-in").await.unwrap();
    assert_eq!(page.status, 200);
    let html = String::from_utf8_lossy(&client.plain("/sign-in").await.unwrap().body).into_owned();
    let mut wanted: BTreeSet<String> = assets(&html).collect();
    let styles: Vec<String> = wanted.iter().filter(|path| path.ends_with(".css")).cloned().collect();
    for style in styles {
        let answer = client.plain(&style).await.unwrap();
        wanted.extend(assets(&String::from_utf8_lossy(&answer.body)));
    }
    let mut sum = page.body.len();
    println!("{:>8}  /sign-in", page.body.len());
    for path in wanted {
        let answer = client.get(&path).await.unwrap();
        if answer.status == 200 {
            println!("{:>8}  {path}", answer.body.len());
            sum += answer.body.len();
        }
    }
    table.figure("first page, bytes of all bodies (brotli)", format!("{:.1} kB", sum as f64 / 1e3), "300 kB");
}

/// Every quoted or bracketed path that ends like an asset.
fn assets(text: &str) -> impl Iterator<Item = String> + '_ {
    const ENDINGS: [&str; 5] = [".js", ".wasm", ".css", ".woff2", ".svg"];
    text.split(['"', '\'', '(', ')', '`', ' '])
        .filter(|part| part.starts_with('/') && ENDINGS.iter().any(|ending| part.ends_with(ending)))
        .map(String::from)
}
