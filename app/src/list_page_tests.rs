//! The list of services as the server renders it: pages that need no JavaScript.

use api::Role;

use crate::fake::{Fake, service};
use crate::page_tests::{call, get};

fn many() -> Fake {
    Fake { services: (0..250).map(|n| service(n + 1, &format!("svc-{n:03}"))).collect(), ..Fake::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_is_in_pages_of_100_until_it_is_alive() {
    for (path, first, last, has_next, has_first) in [
        ("/services", 0, 99, true, false),
        ("/services?cursor=100", 100, 199, true, true),
        ("/services?cursor=200", 200, 249, false, true),
        ("/services?q=svc-1", 100, 199, false, false),
    ] {
        let page = get(many(), Some(Role::Developer), path).await;
        let rows: Vec<_> = (0..250).filter(|n| page.text.contains(&format!(">svc-{n:03}<"))).collect();
        assert_eq!((rows.first(), rows.last(), rows.len()), (Some(&first), Some(&last), last - first + 1), "{path}");
        assert_eq!((page.text.contains("Next page"), page.text.contains("First page")), (has_next, has_first), "{path}");
        assert!(!page.text.contains(" style=") && !page.text.contains("aria-rowcount"), "{path}");
        assert!(page.text.contains("Choose all services of this page"), "{path}");
    }
    let page = get(many(), Some(Role::Viewer), "/services").await;
    assert!(page.text.contains("250 services") && page.text.contains(r#"href="/services?cursor=100""#));
    assert!(!page.text.contains("Choose "), "a viewer chooses nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_alive_reads_blocks_by_their_place_and_who_is_in_the_whole_list() {
    let block = call(many(), Some(Role::Viewer), "/rpc/list_services", r#"{"query":{"offset":200,"sort":"name","limit":100}}"#).await;
    let block: api::Page<api::Service> = serde_json::from_str(&block.text).unwrap();
    assert_eq!((block.items.len(), block.items[0].name.as_str(), block.total), (50, "svc-200", Some(250)));
    let ids = call(many(), Some(Role::Viewer), "/rpc/matching_services", r#"{"query":{"q":"svc-2","cursor":"100","offset":7}}"#).await;
    let ids: Vec<api::ServiceId> = serde_json::from_str(&ids.text).unwrap();
    assert_eq!(ids, (200..250).map(|n| service(n + 1, "").id).collect::<Vec<_>>());
    let nobody = call(many(), None, "/rpc/matching_services", r#"{"query":{}}"#).await;
    assert_eq!(nobody.status, 401, "{}", nobody.text);
}
