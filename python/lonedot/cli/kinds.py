"""What the keys of `lonedot serve` take: one function for each kind of value, and a type that carries it.

A kind takes a value as TOML or the command line has it; gives what the field of `Settings` holds; raises a ValueError
that reads on from the key's name: " takes true or false, not 1", ": network '10.0.0.1/8' has bits behind its first 8".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, get_args

from lonedot.cli.logs import LogFormat
from lonedot.config import Config, own_name

Kind = Callable[[object], Any]

Policy = Literal["strict", "internet"]


def _wrong(takes: str, value: object) -> ValueError:
    return ValueError(f" takes {takes}, not {value!r}")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong("true or false", value)
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise _wrong("seconds from 0 on", value)
    return value


def _one_of(*choices: str) -> Kind:
    def chosen(value: object) -> object:
        if value not in choices:
            raise _wrong(f"one of {', '.join(map(repr, choices))}", value)
        return value

    return chosen


def _path(of: str, *, needed: bool = False) -> Kind:
    def path(value: object) -> str | None:
        if not isinstance(value, str) or "\0" in value or (needed and not value):
            raise _wrong(f"the path of a {of}", value)
        return value or None

    return path


def _mode(value: object) -> int | None:
    if value == "":
        return None
    # TOML has octal numbers, but one written without 0o would be taken for another mode.
    if not isinstance(value, str) or not re.fullmatch("0?[0-7]{3}", value):
        raise _wrong("three or four octal digits as text, such as '0660'", value)
    return int(value, 8)


def _texts(of: str, value: object) -> tuple[str, ...]:
    """One of them needs no list."""
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, Iterable) or not all(isinstance(text, str) and text for text in texts):
        raise _wrong(f"{of} or a list of them", value)
    return tuple(texts)


def _addresses(value: object) -> tuple[str, ...]:
    return _texts("an address", value)


def _of_config(name: str, value: Any) -> Any:
    """`value`, of which `Config` has said what is wrong with it."""
    try:
        Config(**{name: value})
    except ValueError as error:
        raise ValueError(str(error).removeprefix(f"Config.{name}")) from None
    return value


def _hostname(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong("a domain", value)
    _of_config("hostname", value or own_name())
    return value or own_name()


def _networks(name: str) -> Kind:
    return lambda value: _of_config(name, _texts("a network", value))


def _promises(value: object) -> frozenset[str]:
    promises: frozenset[str] = _of_config("advertise", _texts("a line of the reply to EHLO", value))
    return frozenset(promises)


def _keywords(value: object) -> frozenset[str] | None:
    if value == "all" or value == ("all",) or value == ["all"]:
        return None
    keywords: tuple[str, ...] = _of_config("extensions", _texts("'all', an EHLO keyword", value))
    return frozenset(keyword.upper() for keyword in keywords)


Addresses = Annotated[tuple[str, ...], _addresses]
"""One `host:port`, `[IPv6]:port` or `unix:PATH`, or a list of them; what is none is told when it is listened on."""
Directory = Annotated[str, _path("directory", needed=True)]
File = Annotated[str | None, _path("file")]
Flag = Annotated[bool, _flag]
Hostname = Annotated[str, _hostname]
Keywords = Annotated[frozenset[str] | None, _keywords]
Logs = Annotated[LogFormat, _one_of(*get_args(LogFormat))]
Mode = Annotated[int | None, _mode]
Preset = Annotated[Policy, _one_of(*get_args(Policy))]
Promises = Annotated[frozenset[str], _promises]
Proxies = Annotated[tuple[str, ...], _networks("trusted_proxies")]
Clients = Annotated[tuple[str, ...], _networks("trusted_clients")]
Seconds = Annotated[float, _seconds]
