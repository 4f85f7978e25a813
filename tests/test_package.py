"""The package as a program imports it: every name, and nothing that a name does not take."""

from __future__ import annotations

import subprocess
import sys

import lonedot
import pytest

HEAVY = ("asyncio", "ssl", "logging", "socket", "dataclasses")


def modules_after(program: str) -> set[str]:
    """What a new interpreter has imported when the program has run."""
    said = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(said.stdout.split())


@pytest.mark.parametrize("name", lonedot.__all__)
def test_every_name_is_there(name: str) -> None:
    value = getattr(lonedot, name)
    assert value is getattr(lonedot, name)
    assert name in dir(lonedot)


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="module 'lonedot' has no attribute 'Sever'"):
        lonedot.Sever  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Sever'"):
        exec("from lonedot import Sever")


def test_all_of_them_at_once() -> None:
    names: dict[str, object] = {}
    exec("from lonedot import *", names)
    assert set(lonedot.__all__) <= set(names)


@pytest.mark.parametrize(
    "program",
    [
        "import lonedot",
        "from lonedot import DataDecoder, decode_data\nassert decode_data(b'.\\r\\n') == b''",
        "import lonedot\nassert lonedot.parse_command(b'QUIT') and lonedot.check_headers(b'')",
    ],
)
def test_pieces_are_imported_without_a_server(program: str) -> None:
    assert not modules_after(program) & set(HEAVY)


def test_a_server_is_imported_when_any_of_it_is_asked_for() -> None:
    modules = modules_after("import lonedot\nassert lonedot.Config")
    assert {*HEAVY, "lonedot.server", "lonedot.maildir", "lonedot.users"} <= modules


def test_a_command_imports_no_other() -> None:
    program = "from lonedot.cli import main\nassert main(['lint', '--explain', 'missing-date']) == 0"
    assert not modules_after(program) & {"asyncio", "ssl", "lonedot.server", "lonedot.cli.serve"}
