"""examples/README.md names every example, with the command its own first lines give."""

from __future__ import annotations

import re

import pytest

from tests.recipes import EXAMPLES, commands

ROWS: list[tuple[str, str, str]] = re.findall(
    r"^\| \[`([^`]+)`\]\(([^)]+)\) \| .+ \| `(.+)` \|$", (EXAMPLES / "README.md").read_text(), re.MULTILINE
)


def test_every_file_is_named_once() -> None:
    files = {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.md"}
    assert sorted(name for name, _, _ in ROWS) == sorted(files)
    assert all(name == link for name, link, _ in ROWS)


@pytest.mark.parametrize(("name", "command"), [(name, command) for name, _, command in ROWS])
def test_the_command_is_the_file_s_own(name: str, command: str) -> None:
    if name.endswith(".py"):
        assert command in commands(name)
    else:
        assert command == f"lonedot serve --config examples/{name}"
