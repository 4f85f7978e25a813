"""The corpus of conversations, read (tests/data/README.md). A key that nobody knows is an error, so that a typing
mistake cannot leave something untested."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from lonedot import Config, Limits, Policies, Reply

DATA = Path(__file__).parent / "data"

_KEYS = {
    "conversation": (
        *("name", "about", "dialect", "settings", "greeting", "replies", "split", "step"),
        *("delivered", "aborted", "closed"),
    ),
    "settings": (
        *("hostname", "max_size", "max_line", "max_recipients", "max_errors", "drain", "max_messages"),
        *("max_session_octets", "bare_cr", "bare_lf", "nul", "long_line", "line_ends", "strict_grammar", "early_talk"),
        *("unknown_parameters", "extensions", "security", "over_tls"),
    ),
    "replies": (
        *("hello", "mail", "rcpt", "vrfy", "expn", "help", "etrn", "noop", "unknown"),
        *("data", "chunk", "message", "auth", "xclient", "xforward", "rset", "quit"),
    ),
    "step": ("send", "times", "eof", "abort", "tls", "expect", "expect_text"),
    "delivered": ("reverse_path", "forward_paths", "content", "size"),
    "aborted": ("reason", "octets", "only_command", "violation"),
}


def _check(name: str, kind: str, table: dict[str, Any]) -> None:
    unknown = set(table) - set(_KEYS[kind])
    assert not unknown, f"{name}: {kind}: unknown keys: {', '.join(sorted(unknown))}"


@lru_cache(maxsize=1)
def conversations() -> dict[str, dict[str, Any]]:
    """Every conversation of every file, named `file: name`."""
    named: dict[str, dict[str, Any]] = {}
    for path in sorted((DATA / "conversations").glob("*.toml")):
        file = tomllib.loads(path.read_text(encoding="utf-8"))
        assert set(file) == {"about", "conversation"}, path.name
        for conversation in file["conversation"]:
            name = f"{path.stem}: {conversation['name']}"
            assert name not in named, f"{name} stands twice"
            _check(name, "conversation", conversation)
            for kind in ("settings", "replies"):
                _check(name, kind, conversation.get(kind, {}))
            for kind in ("step", "delivered", "aborted"):
                for table in conversation.get(kind, []):
                    _check(name, kind, table)
            for step in conversation["step"]:
                assert len(step.keys() & {"send", "eof", "abort", "tls"}) <= 1, f"{name}: one act a step"
            named[name] = conversation
    return named


def octets(step: dict[str, Any]) -> bytes:
    """What a step sends: one octet for each character."""
    text: str = step.get("send", "")
    return text.encode("latin-1") * int(step.get("times", 1))


def reply_of(text: str | None) -> Reply | None:
    """`250 2.1.5 Ok`, with or without its enhanced code."""
    if text is None:
        return None
    parts = re.fullmatch(r"(\d{3}) (?:(\d\.\d+\.\d+) )?(.*)", text, re.DOTALL)
    assert parts is not None, text
    return Reply(int(parts[1]), parts[2], parts[3])


class Replies:
    """What the application answers where it does not accept."""

    def __init__(self, conversation: dict[str, Any]) -> None:
        self.greeting = reply_of(conversation.get("greeting"))
        self._said: dict[str, Any] = conversation.get("replies", {})
        self._asked: dict[str, int] = {}

    def to(self, kind: str, argument: str) -> Reply | None:
        """The answer to a command, by its argument."""
        return reply_of(self._said.get(kind, {}).get(argument))

    def next(self, kind: str) -> Any:
        """The answer to what is asked about in order: a Reply, None, or for a message of LMTP a list of them."""
        at, answers = self._asked.get(kind, 0), self._said.get(kind, [])
        self._asked[kind] = at + 1
        answer = answers[at] if at < len(answers) else None
        return [reply_of(each) for each in answer] if isinstance(answer, list) else reply_of(answer)


def config_of(conversation: dict[str, Any], **more: Any) -> Config:
    """The settings, as far as a Config has them."""
    settings = conversation.get("settings", {})

    def of_class(kind: type) -> Any:
        return kind(**{item.name: settings[item.name] for item in fields(kind) if item.name in settings})

    hostname = settings.get("hostname", "foo.com")
    return Config(hostname=hostname, limits=of_class(Limits), policies=of_class(Policies), **more)
