//! Lists from a place in the order on.

use api::ports::Services as _;
use api::{ErrorCode, Limit, Role, ServiceQuery, ServiceSort};

use super::tests::{Life, caller};
use crate::on_each_store;

const MAIN: &str = "from fastapi import FastAPI\napp = FastAPI()\n";

on_each_store! {
    async fn a_list_begins_at_any_place_of_the_order_that_its_pages_have(test: TestStore) {
        let mut test = test;
        let files: Vec<_> = (0..9).map(|n| format!("svc-{n}/main.py")).collect();
        let files: Vec<_> = files.iter().map(|path| (path.as_str(), MAIN)).collect();
        let life = Life::begin(&mut test, &files).await;
        for n in 0..6u8 {
            let id = life.named(&format!("svc-{n}")).await.id;
            life.core.catalog.update(id, |entry| entry.service.resource_usage.cpu_percent = Some(f64::from(n % 3)));
        }
        let query = |offset: Option<u32>, limit: u32, sort| ServiceQuery {
            offset,
            sort,
            limit: Limit::new(limit).expect("it is allowed"),
            ..ServiceQuery::default()
        };
        for role in Role::ALL {
            let caller = caller(role);
            for sort in [ServiceSort::Name, ServiceSort::NameDown, ServiceSort::CpuDown, ServiceSort::Cpu, ServiceSort::Status] {
                let names = async |query| {
                    let page = life.services.list(&caller, query).await.expect("a page");
                    assert_eq!(page.total, Some(9));
                    page.items.into_iter().map(|service| service.name).collect::<Vec<_>>()
                };
                let all = names(query(None, 100, sort)).await;
                let cases: [(u32, u32, &[String]); 6] =
                    [(0, 4, &all[..4]), (4, 4, &all[4..8]), (8, 4, &all[8..]), (9, 4, &[]), (u32::MAX, 1000, &[]), (3, 1, &all[3..4])];
                for (offset, limit, expected) in cases {
                    assert_eq!(names(query(Some(offset), limit, sort)).await, expected, "{sort:?} from {offset}");
                }
                let first = life.services.list(&caller, query(Some(2), 3, sort)).await.expect("a page");
                let next = ServiceQuery { cursor: first.next_cursor, ..query(None, 3, sort) };
                assert_eq!(names(next).await, all[5..8], "a cursor goes on from a place: {sort:?}");
            }
        }
        let cursor = life.services.list(&life.admin, query(None, 2, ServiceSort::Name)).await.expect("a page").next_cursor;
        let both = ServiceQuery { cursor, ..query(Some(2), 2, ServiceSort::Name) };
        let error = life.services.list(&life.admin, both).await.expect_err("they can't both be");
        assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, "offset"));
        life.end().await;
    }
}
