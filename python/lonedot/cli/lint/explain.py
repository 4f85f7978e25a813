"""`lonedot lint --explain CODE`: what the table of the header check says of one finding, for people."""

from __future__ import annotations

from lonedot._core import HeaderRow


def explained(row: HeaderRow) -> str:
    """Text of some lines: what is wrong, what to change, where the rule stands, an example of each."""
    lines = [
        f"{row.code}: {row.severity}, {row.section}; refused with {row.reply.code} {row.reply.enhanced}",
        f"{row.text}.",
        f"{row.help}.",
        *_example("wrong", row.wrong),
        *_example("right", row.right),
    ]
    if "{" in row.wrong + row.right:
        lines += ["", "{x*500} stands for 500 x."]
    return "\n".join(lines) + "\n"


def _example(word: str, message: str) -> list[str]:
    return ["", f"{word}:", *("  " + _visible(line) for line in message.removesuffix("\r\n").split("\r\n"))]


def _visible(line: str) -> str:
    # A character is the octet of its number.
    return (
        "".join([c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in line])
        .replace("\\x0a", "\\n")
        .replace("\\x0d", "\\r")
    )
