//! The one table of names under which programs expose their requests.

/// A family of figures that Pilothouse knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Counts requests.
    Counter(usize),
    /// Counts what a histogram or summary saw.
    Count(usize),
    /// Adds up what it saw.
    Sum(usize),
    /// Counts what was at most `le`.
    Bucket(usize),
}

/// Counters of requests or responses, the best first: those with a status come before those without.
pub(super) const COUNTERS: [&str; 13] = [
    "http_requests_total",        // prometheus-fastapi-instrumentator, most programs of one's own
    "starlette_requests_total",   // starlette_exporter, starlette-prometheus
    "fastapi_responses_total",    // the FastAPI observability example
    "fastapi_requests_total",     //
    "flask_http_request_total",   // prometheus-flask-exporter
    "http_server_requests_total", //
    "http_request_total",         //
    "http_requests_count_total",  //
    "http_request_count_total",   //
    "api_requests_total",         // programs of one's own
    "app_requests_total",         //
    "request_count_total",        //
    "requests_total",             //
];

/// Histograms or summaries of durations with the milliseconds of their unit, the best first: those with a path come before those without.
pub(super) const DURATIONS: [(&str, f64); 15] = [
    ("http_request_duration_seconds", 1e3), // prometheus-fastapi-instrumentator, most programs of one's own
    ("starlette_request_duration_seconds", 1e3), // starlette_exporter
    ("starlette_requests_processing_time_seconds", 1e3), // starlette-prometheus
    ("fastapi_requests_duration_seconds", 1e3), // the FastAPI observability example
    ("fastapi_request_duration_seconds", 1e3), //
    ("http_server_requests_seconds", 1e3),  // Micrometer
    ("http_server_request_duration_seconds", 1e3), // OpenTelemetry
    ("http_server_duration_milliseconds", 1.0), // OpenTelemetry before 1.23
    ("flask_http_request_duration_seconds", 1e3), // prometheus-flask-exporter
    ("http_request_latency_seconds", 1e3),  //
    ("http_requests_duration_seconds", 1e3), //
    ("request_duration_seconds", 1e3),      //
    ("request_latency_seconds", 1e3),       //
    ("http_request_duration_milliseconds", 1.0), //
    ("http_request_duration_highr_seconds", 1e3), // prometheus-fastapi-instrumentator: fine buckets, no labels
];

/// Labels that carry the status.
pub(super) const STATUS_LABELS: [&str; 6] =
    ["status", "status_code", "code", "http_status", "http_status_code", "http_response_status_code"];

/// Labels that carry the path.
pub(super) const PATH_LABELS: [&str; 8] = ["handler", "path", "uri", "endpoint", "route", "http_route", "path_template", "url"];

/// Paths that are asked for by machines only; their requests aren't traffic.
pub(super) const MACHINE_PATHS: [&str; 5] = ["/metrics", "/metrics/", "/health", "/health/", "/healthz"];

/// Which known family a name belongs to.
pub(super) fn part(name: &str) -> Option<Part> {
    if let Some(at) = COUNTERS.iter().position(|counter| *counter == name) {
        return Some(Part::Counter(at));
    }
    let (base, part): (_, fn(usize) -> Part) = if let Some(base) = name.strip_suffix("_bucket") {
        (base, Part::Bucket)
    } else if let Some(base) = name.strip_suffix("_sum") {
        (base, Part::Sum)
    } else {
        (name.strip_suffix("_count")?, Part::Count)
    };
    duration(base).map(part)
}

/// Which known family a `# TYPE` names.
pub(super) fn declared(name: &str) -> Option<Part> {
    let counter = COUNTERS.iter().position(|counter| *counter == name || counter.strip_suffix("_total") == Some(name));
    counter.map(Part::Counter).or_else(|| duration(name).map(Part::Count))
}

fn duration(base: &str) -> Option<usize> {
    DURATIONS.iter().position(|(known, _)| *known == base)
}
