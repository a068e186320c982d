//! Samples packed for the store: differences as variable-length integers, about six bytes for what a service used.
//!
//! A chunk is a version byte, the number of usages and then of request samples, each followed by these. The last byte of an
//! integer has its high bit clear. Absent figures are 0 and others one more than they are, so that nothing else marks absence.

use super::series::{Requests, Samples, Usage, Whole};

const VERSION: u8 = 1;

/// Packs samples.
pub(super) fn pack(samples: &Samples) -> Vec<u8> {
    let mut to = Writer { bytes: Vec::with_capacity(16 + samples.usage.len() * 6 + samples.requests.len() * 14) };
    to.bytes.push(VERSION);
    to.whole(samples.usage.len() as u64);
    let mut before = [0; 3];
    for usage in &samples.usage {
        let now = [i64::from(usage.at), raw(usage.cpu), raw(usage.memory)];
        to.differences(&now, &mut before);
    }
    to.whole(samples.requests.len() as u64);
    let mut before = [0; 8];
    for it in &samples.requests {
        let counts = [it.at, it.span, it.count].map(i64::from);
        let figures = [it.failed, it.mean, it.p50, it.p95, it.p99].map(raw);
        let now = [counts[0], counts[1], counts[2], figures[0], figures[1], figures[2], figures[3], figures[4]];
        to.differences(&now, &mut before);
    }
    to.bytes
}

/// Unpacks them; none when the bytes are damaged or of a later version.
pub(super) fn unpack(bytes: &[u8]) -> Option<Samples> {
    let mut from = Reader { bytes: bytes.strip_prefix(&[VERSION])? };
    let mut samples = Samples::default();
    let mut before = [0; 3];
    for _ in 0..from.whole()? {
        let [at, cpu, memory] = from.differences(&mut before)?;
        samples.usage.push_back(Usage { at: at.try_into().ok()?, cpu: figure(cpu)?, memory: figure(memory)? });
    }
    let mut before = [0; 8];
    for _ in 0..from.whole()? {
        let [at, span, count, failed, mean, p50, p95, p99] = from.differences(&mut before)?;
        let (at, span, count) = (at.try_into().ok()?, u32::try_from(span).ok()?.max(1), count.try_into().ok()?);
        let [failed, mean, p50, p95, p99] = [figure(failed)?, figure(mean)?, figure(p50)?, figure(p95)?, figure(p99)?];
        samples.requests.push_back(Requests { at, span, count, failed, mean, p50, p95, p99 });
    }
    Some(samples)
}

/// An absent figure is 0.
fn raw(figure: Option<Whole>) -> i64 {
    figure.map_or(0, |figure| i64::from(figure.get()) + 1)
}

/// None when it is out of range.
fn figure(raw: i64) -> Option<Option<Whole>> {
    match raw {
        0 => Some(None),
        raw => Some(Some(Whole::new(u32::try_from(raw - 1).ok()?))),
    }
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn whole(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn differences<const N: usize>(&mut self, now: &[i64; N], before: &mut [i64; N]) {
        for (now, before) in now.iter().zip(before.iter()) {
            let difference = now - before;
            self.whole((difference << 1 ^ difference >> 63) as u64);
        }
        *before = *now;
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn whole(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn differences<const N: usize>(&mut self, before: &mut [i64; N]) -> Option<[i64; N]> {
        for value in before.iter_mut() {
            let folded = self.whole()?;
            *value = value.checked_add((folded >> 1) as i64 ^ -((folded & 1) as i64))?;
        }
        Some(*before)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{pack, unpack};
    use crate::monitoring::series::{Requests, Samples, Usage, Whole};

    fn figure() -> impl Strategy<Value = Option<Whole>> {
        prop::option::of(prop_oneof![0..1000_u32, any::<u32>()].prop_map(Whole::new))
    }

    fn requests() -> impl Strategy<Value = Requests> {
        let figures = (figure(), figure(), figure(), figure(), figure());
        (any::<u32>(), 1..=u32::MAX, any::<u32>(), figures).prop_map(|(at, span, count, (failed, mean, p50, p95, p99))| Requests {
            at,
            span,
            count,
            failed,
            mean,
            p50,
            p95,
            p99,
        })
    }

    proptest! {
        #[test]
        fn samples_read_back_as_they_were_packed(
            usage in prop::collection::vec((any::<u32>(), figure(), figure()), 0..50),
            requests in prop::collection::vec(requests(), 0..50),
        ) {
            let usage = usage.into_iter().map(|(at, cpu, memory)| Usage { at, cpu, memory }).collect();
            let samples = Samples { usage, requests: requests.into() };
            prop_assert_eq!(unpack(&pack(&samples)), Some(samples));
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_and_never_panic(bytes in any::<Vec<u8>>(), cut in 0..100_usize) {
            unpack(&bytes);
            let usage = (0..20).map(|at| Usage { at, cpu: Some(Whole::new(at)), memory: None }).collect();
            let packed = pack(&Samples { usage, ..Samples::default() });
            prop_assert!(cut >= packed.len() || unpack(&packed[..cut]).is_none());
        }
    }

    #[test]
    fn ten_minutes_of_a_busy_service_take_about_a_kilobyte() {
        let vary = |n: u32, spread: u32| Some(Whole::new(n.wrapping_mul(2_654_435_761) % spread));
        let usage = (0..120).map(|n| Usage { at: 1_800_000_000 + n * 5, cpu: vary(n, 3_000), memory: vary(n, 2_000) }).collect();
        let request = |n: u32| Requests {
            at: 1_800_000_000 + n * 15,
            span: 15,
            count: 100 + n % 7,
            failed: vary(n, 3),
            mean: vary(n, 20_000),
            p50: vary(n, 20_000),
            p95: vary(n, 20_000),
            p99: vary(n, 20_000),
        };
        let bytes = pack(&Samples { usage, requests: (0..40).map(request).collect() });
        assert!(bytes.len() < 1_400, "{}", bytes.len());
    }
}
