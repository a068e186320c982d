//! The orders of the shop, in memory: the last thousand.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most that are kept.
const KEPT: usize = 1_000;

/// What can be ordered.
pub(super) const ITEMS: [&str; 6] = ["lamp", "chair", "desk", "shelf", "rug", "clock"];

/// The orders, oldest first.
pub(super) struct Orders {
    orders: VecDeque<Order>,
    next: u64,
}

#[derive(Clone, Serialize)]
struct Order {
    id: u64,
    item: String,
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    item: String,
    quantity: u32,
}

impl Orders {
    /// Twenty orders.
    pub fn new() -> Self {
        let orders = (1..=20_u32).map(|n| Order { id: n.into(), item: ITEMS[n as usize % ITEMS.len()].into(), quantity: n % 4 + 1 });
        Self { orders: orders.collect(), next: 21 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// The newest twenty.
    pub fn list(&self) -> Value {
        let newest: Vec<_> = self.orders.iter().rev().take(20).collect();
        json!({ "items": newest, "total": self.orders.len() })
    }

    /// The order of that id.
    pub fn find(&self, id: &str) -> Option<Value> {
        let id: u64 = id.parse().ok()?;
        self.orders.iter().find(|order| order.id == id).map(|order| json!(order))
    }

    /// Takes an order; answers what is wrong with it.
    pub fn add(&mut self, body: &[u8]) -> Result<Value, &'static str> {
        let new: NewOrder = serde_json::from_slice(body).map_err(|_| "an order is {\"item\": text, \"quantity\": number}")?;
        if !ITEMS.contains(&new.item.as_str()) {
            return Err("item is one of lamp, chair, desk, shelf, rug, clock");
        }
        if !(1..=100).contains(&new.quantity) {
            return Err("quantity is 1 to 100");
        }
        let order = Order { id: self.next, item: new.item, quantity: new.quantity };
        self.next += 1;
        if self.orders.len() >= KEPT {
            self.orders.pop_front();
        }
        self.orders.push_back(order.clone());
        Ok(json!(order))
    }
}
