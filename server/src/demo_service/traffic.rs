//! A little traffic of the service's own, rising and falling over minutes, so that charts move.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::orders::ITEMS;
use super::shop::{self, Shop};

/// Seconds from one busy time to the next.
const WAVE_SECONDS: f64 = 240.0;

/// Makes requests, and a numbered line every five seconds, until the service ends.
pub(super) async fn make(shop: Arc<Shop>) {
    let (began, mut asked, mut noted, mut line) = (Instant::now(), 0_u64, Instant::now(), 0_u64);
    loop {
        // From one request in two seconds to four in one.
        let wave = 1.0 - (began.elapsed().as_secs_f64() / WAVE_SECONDS * std::f64::consts::TAU).cos();
        let per_second = 0.5 + 1.75 * wave;
        let pause = Duration::from_secs_f64((0.5 + shop.roll(100) as f64 / 100.0) / per_second);
        tokio::select! {
            () = shop.closing.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        asked += 1;
        tokio::spawn(ask(shop.clone(), asked));
        if noted.elapsed() >= Duration::from_secs(5) {
            (noted, line) = (Instant::now(), line + 1);
            let (item, stock) = (ITEMS[(line % ITEMS.len() as u64) as usize], shop.roll(400));
            match stock {
                ..20 => shop::log("WARNING", &format!("line {line}: only {stock} of {item} left in stock")),
                _ => shop::log("INFO", &format!("line {line}: {stock} of {item} in stock")),
            }
        }
    }
}

async fn ask(shop: Arc<Shop>, number: u64) {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000 + (number % 20_000) as u16));
    match shop.roll(10) {
        0..4 => shop.answer("GET", "/orders", b"", peer).await,
        // A few of these were never made.
        4..8 => shop.answer("GET", &format!("/orders/{}", 1 + shop.roll(21)), b"", peer).await,
        8 => {
            let item = ITEMS[shop.roll(ITEMS.len() as u64) as usize];
            let order = format!("{{\"item\": \"{item}\", \"quantity\": {}}}", 1 + shop.roll(5));
            shop.answer("POST", "/orders", order.as_bytes(), peer).await
        }
        _ => shop.answer("GET", "/", b"", peer).await,
    };
}
