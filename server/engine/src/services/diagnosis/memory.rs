//! Want of memory.

use super::facts::Facts;
use super::rule::Weight::{Exact, Known};
use super::rule::{AGAIN, Finding, LIMITS, Rule, SAYS, SETTINGS, Says};

const TOPIC: &str = "memory";

pub(super) const RULES: &[Rule] = &[
    Rule::facts("memory-limit", Known, TOPIC, LIMITS, over_limit),
    Rule::facts("out-of-memory", Known, TOPIC, AGAIN, killed),
    Rule::line(
        "node-heap-full",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["javascript heap out of memory"],
            cause: "Node.js used more memory than its heap may have",
            action: "look for what grows in its memory chart; if it needs that much, set NODE_OPTIONS=--max-old-space-size=MEGABYTES",
            ..SAYS
        },
    ),
    Rule::line(
        "java-heap-full",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["java.lang.outofmemoryerror"],
            parts: &["OutOfMemoryError: (.+)"],
            cause: "Java used more memory than it may have ({})",
            bare: "Java used more memory than it may have",
            action: "look for what grows in its memory chart; if it needs that much, raise -Xmx",
            ..SAYS
        },
    ),
    Rule::line(
        "python-memory",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["memoryerror"],
            unless: &["outofmemoryerror"],
            cause: "Python got no more memory from the system",
            action: "look for what grows in its memory chart, or for one step that loads too much at once; give it more memory if it needs it",
            ..SAYS
        },
    ),
    Rule::line(
        "graphics-memory-full",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["cuda out of memory", "hip out of memory", "cuda_error_out_of_memory"],
            cause: "the memory of the graphics card is full",
            action: "end what else uses the card (nvidia-smi), or load a smaller model or batch",
            ..SAYS
        },
    ),
    Rule::line(
        "memory-refused",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["cannot allocate memory", "std::bad_alloc", "memory allocation of", "out of memory", "enomem"],
            cause: "the system gave it no more memory",
            action: "give the machine or the service more memory, or look for what grows in its memory chart",
            ..SAYS
        },
    ),
];

fn over_limit(facts: &Facts<'_>) -> Option<Finding> {
    facts.ended.filter(|ended| ended.oom)?;
    let limit = api::write_bytes(facts.limits.memory_bytes?);
    let cause = format!("the system killed it: it needed more memory than its limit of {limit}");
    Some(Finding::new(cause, "raise its limit of memory, or look for what grows in its memory chart").by(facts.log.last()))
}

fn killed(facts: &Facts<'_>) -> Option<Finding> {
    facts.ended.filter(|ended| ended.oom && facts.limits.memory_bytes.is_none())?;
    let cause = "the system killed it: it used more memory than there was";
    Some(
        Finding::new(cause, "give the machine or the service more memory, or look for what grows in its memory chart").by(facts.log.last()),
    )
}
