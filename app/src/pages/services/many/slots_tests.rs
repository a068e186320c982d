//! What is shown, asked for and dropped, as tables.

use api::ServiceId;

use super::slots::{BLOCK, KEPT, Piece, Place, Slots, is_fling, whole};

fn id(number: usize) -> ServiceId {
    ServiceId(uuid::Uuid::from_u128(number as u128 + 1))
}

fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<ServiceId> {
    numbers.into_iter().map(id).collect()
}

/// A list of which these blocks are known, each place held by the id of its number.
fn known(total: usize, blocks: impl IntoIterator<Item = usize>) -> Slots {
    let mut slots = Slots::new(total, 50.0);
    for block in blocks {
        let range = block * BLOCK..(block + 1) * BLOCK;
        slots.put(range.clone(), &ids(range.start..range.end.min(total)), total);
    }
    slots
}

#[test]
fn the_rows_around_the_window_are_shown_and_no_others() {
    let slots = Slots::new(1000, 50.0);
    let cases = [
        (0.0, 500.0, 0..21),
        (-300.0, 500.0, 0..15),
        (500.0, 500.0, 0..31),
        (10_025.0, 500.0, 190..221),
        (49_500.0, 500.0, 980..1000),
        (90_000.0, 500.0, 999..1000),
        (10_000.0, 0.0, 200..201),
    ];
    for (top, window, expected) in cases {
        assert_eq!(slots.range(top, window), expected, "{window} from {top}");
    }
    assert_eq!(Slots::new(0, 50.0).range(0.0, 500.0), 0..0);
    assert_eq!(Slots::new(1, 50.0).range(0.0, 500.0), 0..1);
}

#[test]
fn rows_of_other_heights_move_those_below_them() {
    let mut slots = Slots::new(100, 50.0);
    assert!(slots.see(1, 80.0) && slots.see(3, 20.0) && !slots.see(4, 50.0));
    assert!(!slots.see(1, 80.0), "it is known already");
    assert!(!slots.see(100, 80.0), "there is no such row");
    for (index, y) in [(0, 0.0), (1, 50.0), (2, 130.0), (3, 180.0), (4, 200.0), (100, 5000.0), (200, 5000.0)] {
        assert_eq!(slots.y_of(index), y, "{index}");
    }
    for (y, index) in [(-10.0, 0), (0.0, 0), (49.9, 0), (50.0, 1), (129.9, 1), (130.0, 2), (199.0, 3), (4999.0, 99), (9000.0, 99)] {
        assert_eq!(slots.index_at(y), index, "{y}");
    }
    assert_eq!(slots.place_at(140.0), Place { index: 2, past: 10.0 });
    assert_eq!(slots.place_at(-40.0), Place { index: 0, past: -40.0 });
    slots.measure_anew(100.0);
    assert_eq!((slots.y_of(3), slots.row()), (300.0, 100.0));
}

#[test]
fn what_stands_in_the_document_has_gaps_for_the_rest_and_the_row_with_the_focus() {
    let slots = known(300, [0]);
    let row = |index: usize| Piece::Row(index, id(index));
    let cases = [
        (0..2, None, vec![row(0), row(1), Piece::Gap(2..300)]),
        (98..101, None, vec![Piece::Gap(0..98), row(98), row(99), Piece::Waiting(100), Piece::Gap(101..300)]),
        (98..100, Some(99), vec![Piece::Gap(0..98), row(98), row(99), Piece::Gap(100..300)]),
        (98..100, Some(5), vec![Piece::Gap(0..5), row(5), Piece::Gap(6..98), row(98), row(99), Piece::Gap(100..300)]),
        (98..100, Some(97), vec![Piece::Gap(0..97), row(97), row(98), row(99), Piece::Gap(100..300)]),
        (0..1, Some(50), vec![row(0), Piece::Gap(1..50), row(50), Piece::Gap(51..300)]),
        (299..300, Some(400), vec![Piece::Gap(0..299), Piece::Waiting(299)]),
    ];
    for (range, focus, expected) in cases {
        assert_eq!(slots.pieces(range.clone(), focus), expected, "{range:?} {focus:?}");
    }
}

#[test]
fn a_block_is_asked_for_once_until_it_is_there_and_again_only_when_wanted_after_a_failure() {
    let mut slots = known(350, [0]);
    assert_eq!(slots.needs(0..50), Vec::<usize>::new());
    assert_eq!(slots.needs(50..350), [1, 2, 3]);
    assert_eq!(slots.needs(199..201), [1, 2]);
    slots.ask(1);
    assert_eq!(slots.needs(50..250), [2]);
    slots.fail(1, "it is down".into());
    assert_eq!((slots.needs(50..250), slots.failure(1)), (vec![2], Some("it is down")));
    assert_eq!(
        slots.pieces(99..202, None)[1..],
        [Piece::Row(99, id(99)), Piece::Failed(1, 100..200), Piece::Waiting(200), Piece::Waiting(201), Piece::Gap(202..350)]
    );
    slots.ask(1);
    assert_eq!(slots.failure(1), None);
    slots.put(100..200, &ids(100..200), 350);
    assert_eq!(slots.needs(50..250), [2]);
    slots.put(300..400, &ids(300..350), 350);
    assert_eq!(slots.needs(300..350), Vec::<usize>::new(), "the last block is short");
    slots.ask(2);
    slots.give_up(2);
    assert_eq!(slots.needs(200..250), [2]);
}

#[test]
fn who_comes_or_goes_moves_the_others_and_nobody_is_in_two_places() {
    let mut slots = known(300, [0, 1]);
    assert_eq!(slots.remove(id(10)), Some(10));
    assert_eq!(slots.remove(id(10)), None);
    assert_eq!((slots.len(), slots.index_of(id(11)), slots.index_of(id(199))), (299, Some(10), Some(198)));
    assert_eq!(slots.needs(100..190), Vec::<usize>::new(), "what is seen is still known");
    assert_eq!(slots.needs(100..200), [1]);

    let mut slots = known(300, [0, 1]);
    let moved = [ids([900]), ids(0..99)].concat();
    slots.put(0..100, &moved, 301);
    assert_eq!((slots.len(), slots.index_of(id(900)), slots.index_of(id(98))), (301, Some(0), Some(99)));
    assert!(!slots.is_stale(0..100) && slots.is_stale(50..150), "the other block has moved too");
    slots.put(100..200, &ids(99..199), 301);
    assert!(!slots.is_stale(0..200));
    assert_eq!(slots.index_of(id(99)), Some(100));

    let mut slots = known(300, [0, 1]);
    let swapped = [ids([150]), ids(1..100)].concat();
    slots.put(0..100, &swapped, 300);
    assert!(!slots.is_stale(0..300), "only the order has changed");
    assert_eq!((slots.index_of(id(150)), slots.index_of(id(0)), slots.needs(100..200)), (Some(0), None, vec![1]));

    let mut slots = known(300, [0, 1, 2]);
    slots.put(200..300, &[], 150);
    assert_eq!((slots.len(), slots.is_stale(0..150)), (150, true), "the list has become shorter than where it was asked for");
}

#[test]
fn after_a_break_everything_is_doubted_and_failures_are_tried_again() {
    let mut slots = known(400, [0, 1]);
    slots.fail(2, "it is down".into());
    slots.doubt();
    assert!(slots.is_stale(0..1) && slots.is_stale(150..160) && !slots.is_stale(200..400));
    assert_eq!(slots.needs(0..300), [2]);
    let cases = [(0..50, 0..100), (50..150, 0..200), (100..200, 100..200), (0..5000, 0..1000)];
    for (range, expected) in cases {
        assert_eq!(whole(&range), expected, "{range:?}");
    }
}

#[test]
fn the_farthest_blocks_are_dropped_but_not_what_is_on_screen_or_has_the_focus() {
    let total = 10_000;
    let mut slots = known(total, 0..KEPT + 3);
    assert!(slots.drop_far(2_150..2_200, Some(150)));
    let missing: Vec<usize> = (0..KEPT + 3).filter(|block| slots.index_of(id(block * BLOCK)).is_none()).collect();
    assert_eq!(missing, [0, 2, 3]);
    assert_eq!(slots.ids().len(), KEPT * BLOCK);
    assert!(!slots.drop_far(2_150..2_200, None), "there are few enough");
}

#[test]
fn who_moves_more_than_a_window_at_once_flings_past() {
    for (moved, expected) in [(0.0, false), (100.0, false), (-800.0, false), (801.0, true), (-4000.0, true)] {
        assert_eq!(is_fling(moved, 800.0), expected, "{moved}");
    }
}

#[test]
fn a_place_reads_back_as_it_was_written() {
    for place in [Place { index: 0, past: -120.0 }, Place { index: 870, past: 31.0 }] {
        assert_eq!(Place::read(&place.write()), Some(place));
    }
    for wrong in ["", "row", "row 1", "row x 1", "row 1 1.5", "row -1 1", "870 31"] {
        assert_eq!(Place::read(wrong), None, "{wrong}");
    }
}
