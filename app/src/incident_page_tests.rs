//! The page of an incident as it is sent, and the ways to it.

use api::{
    Diagnosis, Event, EventKind, Fix, Incident, IncidentId, IncidentSummary, LastExit, MetricsPoint, Role, Service, ServiceId, Status,
};
use axum::http::StatusCode;

use crate::fake::{Fake, NOW, service};
use crate::page_tests::{Answer, get};

const PAGE: &str = "/incidents/00000000-0000-0000-0000-00000000000a";
const SERVICE: &str = "/services/00000000-0000-0000-0000-000000000001";

fn id() -> ServiceId {
    service(1, "accounts").id
}

/// A run of an hour and a half that ended five minutes ago.
fn incident() -> Incident {
    let at = NOW.plus_seconds(-300);
    let summary = IncidentSummary {
        id: IncidentId(uuid::Uuid::from_u128(10)),
        service_id: id(),
        at,
        code: Some(3),
        signal: None,
        oom: false,
        reason: "exited with code 3".into(),
        cause: Some("the disk is full".into()),
    };
    let cause = Diagnosis {
        rule: "disk-full".into(),
        cause: "the disk is full".into(),
        evidence: vec!["OSError: ENOSPC <i>".into()],
        actions: vec!["make room on it".into()],
        fixes: vec![
            Fix::Start { label: "Start it anew".into(), service_id: id() },
            Fix::Settings { label: "Change its folder".into(), service_id: id() },
        ],
    };
    let point = |n: i64| MetricsPoint {
        cpu_usage: Some(n as f64),
        memory_usage: Some(n as u64 * (50 << 20)),
        ..MetricsPoint::empty(id(), at.plus_seconds((n - 5) * 5))
    };
    Incident {
        summary,
        started_at: Some(at.plus_seconds(-5_400)),
        diagnosis: vec![cause],
        lines: vec!["saving <u>".into(), "Traceback".into(), "OSError: ENOSPC <i>".into()],
        figures: (1..=5).map(point).collect(),
    }
}

fn kept() -> Fake {
    Fake { services: vec![service(1, "accounts")], incidents: vec![incident()], ..Fake::default() }
}

fn with(change: impl Fn(&mut Incident)) -> Fake {
    let mut fake = kept();
    fake.incidents.iter_mut().for_each(change);
    fake
}

/// What people see of a page: what comes after the document is for scripts, and says everything once more.
async fn seen(fake: Fake, role: Role, path: &str) -> String {
    let Answer { status, text, .. } = get(fake, Some(role), path).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    text.split("</html>").next().unwrap_or_default().to_owned()
}

async fn page(fake: Fake) -> String {
    seen(fake, Role::Developer, PAGE).await
}

#[tokio::test]
async fn an_incident_shows_why_and_what_was_known() {
    let text = page(kept()).await;
    let wanted = [
        "/service-1.wasm",
        "<title>accounts: exited with code 3 · Pilothouse</title>",
        &format!(r#"href="{SERVICE}""#),
        "Running",
        "1 h 30 min",
        "5 min ago",
        "It ended with exit code 3",
        "the disk is full",
        r#"<ul class="diagnosis-evidence"><li>OSError: ENOSPC &lt;i&gt;</li>"#,
        "make room on it",
        r#"aria-label="CPU before the end: now 5 %, between 1 % and 5 %""#,
        r#"aria-label="Memory before the end: now 250 MiB, between 50 MiB and 250 MiB""#,
        "Its last 3 lines",
        "<pre tabindex=\"0\" class=\"incident-lines\">saving &lt;u&gt;\nTraceback\nOSError: ENOSPC &lt;i&gt;</pre>",
        &format!(r#"href="{SERVICE}/logs?seq=0&amp;at={}""#, NOW.plus_seconds(-300).micros()),
        &format!(r#"href="{SERVICE}/activity""#),
    ];
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted} is missing in {text}");
    }
    for unwanted in ["<i>", "<u>", " style=", "were changed", "been deleted"] {
        assert!(!text.contains(unwanted), "{unwanted} is there");
    }
}

#[tokio::test]
async fn only_who_may_operate_a_service_gets_buttons() {
    for (role, has_buttons) in [(Role::Viewer, false), (Role::Developer, true)] {
        let text = seen(kept(), role, PAGE).await;
        assert!(text.contains("the disk is full") && text.contains("Its last 3 lines"), "{role:?}");
        assert!(text.contains(&format!(r#"href="{SERVICE}/settings" class="button">Change its folder</a>"#)), "{role:?}");
        assert_eq!(text.contains("/rpc/start_service"), has_buttons, "{role:?}");
        assert_eq!(text.contains(">Start it anew<"), has_buttons, "{role:?}");
    }
}

#[tokio::test]
async fn what_is_not_kept_is_a_404_that_leads_on() {
    for path in ["/incidents/nonsense", "/incidents/00000000-0000-0000-0000-00000000000b"] {
        let answer = get(kept(), Some(Role::Viewer), path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text.contains("This incident isn't kept") || answer.text.contains("This incident isn&#x27;t kept"), "{path}");
        assert!(answer.text.contains(r#"<a href="/activity">see the activity</a>"#), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_known_is_said_so() {
    let text = page(with(|incident| {
        incident.summary.code = None;
        incident.summary.reason = "port 8001 is taken".into();
        (incident.started_at, incident.diagnosis) = (None, Vec::new());
        (incident.lines, incident.figures) = (Vec::new(), Vec::new());
    }))
    .await;
    for wanted in ["get as far as running", "No cause was recognised", "Nothing was measured", "It had written nothing"] {
        assert!(text.contains(wanted), "{wanted} is missing");
    }
    assert!(!text.contains("<pre") && !text.contains("<polyline") && !text.contains("ended unseen"));
    assert!(page(with(|incident| incident.lines.truncate(1))).await.contains("Its last line<"));
}

#[tokio::test]
async fn signals_and_want_of_memory_have_words() {
    let killed = |oom| with(move |incident| (incident.summary.code, incident.summary.signal, incident.summary.oom) = (None, Some(9), oom));
    assert!(page(killed(false)).await.contains("It was ended by signal 9 (SIGKILL)"));
    assert!(page(killed(true)).await.contains("It was killed for want of memory"));
}

#[tokio::test]
async fn an_incident_outlives_its_service_and_says_what_changed() {
    let text = page(Fake { services: Vec::new(), ..kept() }).await;
    assert!(text.contains("A deleted service: exited with code 3") && text.contains("It has been deleted since"));
    assert!(text.contains("the disk is full") && text.contains("Its last 3 lines"));
    assert!(!text.contains(&format!(r#"href="{SERVICE}"#)) && !text.contains("/rpc/start_service"), "nothing leads to it");

    let event = |at: i64, kind| Event {
        seq: 1,
        at: NOW.plus_seconds(at),
        kind,
        service_id: Some(id()),
        service_name: None,
        actor: None,
        message: String::new(),
        data: serde_json::Value::Null,
    };
    let cases = [(-60, EventKind::ServiceChanged, true), (-400, EventKind::ServiceChanged, false), (-60, EventKind::ServiceStarted, false)];
    for (at, kind, is_said) in cases {
        let text = page(Fake { events: vec![event(at, kind)], ..kept() }).await;
        assert_eq!(text.contains("Its settings were changed"), is_said, "{at} {kind:?}");
    }
}

#[tokio::test]
async fn the_page_of_the_service_leads_to_the_incident_of_its_last_run() {
    let exit = |at: i64| LastExit { code: Some(3), signal: None, oom: false, at: NOW.plus_seconds(at), last_lines: Vec::new() };
    let link = format!(r#"<a href="{PAGE}">See the incident</a>"#);
    for (at, is_kept) in [(-300, true), (-299, false)] {
        let down = Service { status: Status::Error, ..service(1, "accounts") };
        let fake = Fake { services: vec![down], last_exit: Some(exit(at)), ..kept() };
        let text = seen(fake, Role::Viewer, SERVICE).await;
        assert!(text.contains("The last run ended with exit code 3"));
        assert_eq!(text.contains(&link), is_kept, "{at}");
    }
}

#[tokio::test]
async fn the_activity_of_a_service_lists_its_incidents() {
    let activity = |fake, query: &'static str| async move { seen(fake, Role::Viewer, &format!("{SERVICE}/activity{query}")).await };
    let text = activity(kept(), "").await;
    assert!(text.contains(&format!(r#"<a href="{PAGE}">Exited with code 3.</a>"#)), "{text}");
    assert!(text.contains("<span>the disk is full</span>") && !text.contains("No run has ended by itself"));

    let none = Fake { incidents: Vec::new(), ..kept() };
    assert!(activity(none.clone(), "").await.contains("No run has ended by itself"));
    for query in ["?kind=service.started", "?cursor=older"] {
        let text = activity(none.clone(), query).await;
        assert!(!text.contains("No run has ended by itself"), "{query}");
        assert!(!activity(kept(), query).await.contains(PAGE), "{query}");
    }
}
