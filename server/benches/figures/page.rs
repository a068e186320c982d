//! The bytes of the first pages on the wire, with all that they load.

use std::collections::BTreeSet;

use crate::client::Client;
use crate::program::Program;
use crate::table::Table;

pub async fn measure(table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut nobody = Client::open(&program.address).await.unwrap();
    weigh(table, "sign-in page", "/sign-in", &mut nobody).await;
    let mut admin = program.client().await;
    weigh(table, "first signed-in page", "/", &mut admin).await;
}

/// Adds up the page and what it loads: it names all of that, the parts of its bundle by preloads.
async fn weigh(table: &mut Table, name: &str, path: &str, client: &mut Client) {
    let page = client.get(path).await.unwrap();
    assert_eq!(page.status, 200);
    let html = String::from_utf8_lossy(&client.plain(path).await.unwrap().body).into_owned();
    let mut wanted: BTreeSet<String> = assets(&html).collect();
    let styles: Vec<String> = wanted.iter().filter(|path| path.ends_with(".css")).cloned().collect();
    for style in styles {
        let answer = client.plain(&style).await.unwrap();
        wanted.extend(assets(&String::from_utf8_lossy(&answer.body)));
    }
    let mut sum = page.body.len();
    println!("{sum:>8}  {path}");
    for path in wanted {
        let answer = client.get(&path).await.unwrap();
        if answer.status == 200 {
            println!("{:>8}  {path}", answer.body.len());
            sum += answer.body.len();
        }
    }
    table.figure(&format!("{name}, bytes of all bodies"), format!("{:.1} kB", sum as f64 / 1e3), "300 kB");
}

/// Every quoted or bracketed path that ends like an asset.
fn assets(text: &str) -> impl Iterator<Item = String> + '_ {
    const ENDINGS: [&str; 5] = [".js", ".wasm", ".css", ".woff2", ".svg"];
    text.split(['"', '\'', '(', ')', '`', ' '])
        .filter(|part| part.starts_with('/') && ENDINGS.iter().any(|ending| part.ends_with(ending)))
        .map(String::from)
}
