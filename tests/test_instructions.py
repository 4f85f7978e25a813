"""The gate on instructions: what it compares, says and reads. `make counts` has it count."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.instructions import BASELINE, Suite, between_marks, compare, read, written

CONDITIONS = {"compiler": "rustc 1.95.0", "libc": "glibc 2.36"}


def suites(**instructions: int) -> dict[str, Suite]:
    return {"core": Suite(CONDITIONS, instructions)}


@pytest.mark.parametrize(
    ("now", "failed", "said"),
    [
        (100_000, False, ""),
        (103_000, False, ""),
        (
            103_001,
            True,
            "decode takes 103,001 instructions, 3.0% more than the 100,000 of the baseline",
        ),
        (105_000, True, "`make counts ARGS=--update`"),
        (97_000, False, ""),
        (96_999, False, "lower: update the baseline"),
    ],
)
def test_a_case_may_grow_by_three_percent(now: int, failed: bool, said: str) -> None:
    result = compare(suites(decode=100_000, parse=7), suites(decode=now, parse=7))
    assert result.failed == failed
    assert len(result.notes) == (said != "")
    assert said in "".join(result.notes)


def test_a_case_cannot_leave_the_gate_or_stay_out_of_it_unseen() -> None:
    result = compare(suites(gone=1), suites(new=1))
    assert result.failed
    assert [note.split(";")[0] for note in result.notes] == [
        "new is not in the baseline: `make counts ARGS=--update`",
        "gone is in the baseline and was not counted",
    ]


def test_the_table_has_every_case() -> None:
    table = compare(suites(a=1_000_000, b=200, c=1), suites(a=1_000_000, b=220, d=1)).table[1:]
    assert [line.split() for line in table] == [
        ["a", "1,000,000", "1,000,000", "+0.0%"],
        ["b", "200", "220", "+10.0%", "over"],
        ["d", "-", "1", "new"],
        ["c", "1", "-", "gone"],
    ]


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        (CONDITIONS | {"compiler": "rustc 1.96.0"}, "(compiler: rustc 1.95.0 in the baseline, rustc 1.96.0 here)"),
        (CONDITIONS | {"interpreter": "CPython 3.12"}, "(interpreter: none in the baseline, CPython 3.12 here)"),
    ],
)
def test_what_cannot_be_compared_is_shown_and_does_not_fail(conditions: dict[str, str], why: str) -> None:
    counted = {"core": Suite(conditions, {"decode": 200}), "python": Suite(CONDITIONS, {"session": 104})}
    baseline = suites(decode=100) | {"python": Suite(CONDITIONS, {"session": 103})}
    result = compare(baseline, counted)
    assert not result.failed
    assert result.table[1].split() == ["decode", "100", "200", "+100.0%", "over"]
    (note,) = result.notes
    assert note.startswith("NOTHING WAS GATED in [core]")
    assert why in note
    # The other suite stays gated.
    counted["python"].instructions["session"] = 110
    assert compare(baseline, counted).failed


def test_a_baseline_reads_as_it_was_written(tmp_path: Path) -> None:
    baseline = suites(a=1_000_000) | {"python": Suite({"interpreter": 'a "b" \\ c'}, {"decode/64 KiB, lf": 7})}
    path = tmp_path / "baseline.toml"
    assert read(path) == {}
    path.write_text(written(baseline), "utf-8")
    assert read(path) == baseline


def test_the_committed_baseline_is_what_is_written() -> None:
    assert BASELINE.read_text("utf-8") == written(read(BASELINE))


def test_counts_are_those_between_the_marks_of_a_case(tmp_path: Path) -> None:
    for place, instructions in enumerate([5000, 100, 7000, 1234], 1):
        (tmp_path / f"out.{place}").write_text(f"version: 1\npart: {place}\nsummary: {instructions}\n\ntotals: 1\n")
    (tmp_path / "out").write_text("summary: 1\n")
    assert between_marks(tmp_path / "out", "octet by octet/avx2 10\nb 100\n") == {"octet by octet/avx2": 10, "b": 12}
    with pytest.raises(RuntimeError, match="4 marks for 1 cases"):
        between_marks(tmp_path / "out", "a 10\n")
