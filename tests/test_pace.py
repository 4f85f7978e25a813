"""How fast mail data comes: windows, and the time that is not the client's."""

from __future__ import annotations

from lonedot.pace import Pace

WINDOW, LEAST = 10, 5.0


def test_a_window_is_judged_when_it_has_passed_and_by_itself() -> None:
    pace = Pace(1)
    assert pace.is_kept(10, WINDOW, LEAST)  # nothing has come, and none has passed
    pace.octets += 1000
    assert pace.is_kept(11, WINDOW, LEAST)
    assert pace.is_kept(20, WINDOW, LEAST)
    # What came in the first does not help in the second.
    assert not pace.is_kept(21, WINDOW, LEAST)


def test_exactly_the_least_is_enough() -> None:
    pace = Pace(1)
    for now in range(1, 200):
        pace.octets += 5
        assert pace.is_kept(now, WINDOW, LEAST)


def test_a_little_less_is_not() -> None:
    pace = Pace(1)
    kept = []
    for now in range(1, 40):
        pace.octets += 4
        kept.append(pace.is_kept(now, WINDOW, LEAST))
    assert kept.index(False) == WINDOW


def test_time_in_which_nothing_was_read_is_not_the_clients() -> None:
    pace = Pace(1)
    pace.stop(3)
    pace.stop(50)  # it is stopped already
    assert pace.is_kept(100, WINDOW, LEAST)
    pace.go_on(1003)
    pace.go_on(1004)
    assert pace.is_kept(1010, WINDOW, LEAST)
    assert not pace.is_kept(1011, WINDOW, LEAST)


def test_nothing_is_asked_of_anybody_where_the_least_is_none() -> None:
    assert all(Pace(1).is_kept(now, WINDOW, 0) for now in (11, 22, 10_000))
