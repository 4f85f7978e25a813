"""What `lonedot serve` is told: the defaults, under a TOML file, under the command line's options.

Takes values by their key, `drain` or `limits.max_line`; gives a `Settings` whose every value was checked, or the
`Mistake` that names where the wrong one stood. The keys are the fields of `Settings`, and in the tables `[limits]` and
`[policies]` those of `Limits` and `Policies`: a field added there is a key here at once. Two things differ from the
fields: a limit that may be `None` takes 0 for it, as `SIZE 0` does (RFC 1870 §4) and because TOML has no `None`; and
what `[policies]` does not say comes from the preset that `policy` names.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from lonedot.cli.logs import LogFormat
from lonedot.cli.parser import Mistake
from lonedot.config import Config, Limits, Policies

Policy = Literal["strict", "internet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One value for each key; a wrong one is a `ValueError` that names the field and what it takes."""

    listen: tuple[str, ...] = ("127.0.0.1:2525",)
    """Addresses, each `host:port`, `[IPv6]:port` or `unix:PATH`."""
    maildir: str = "mail"
    """The directory that holds tmp/, new/ and cur/; made when it is not there."""
    hostname: str = ""
    """The name in the greeting and in trace fields; empty: the machine's own."""
    policy: Policy = "strict"
    """The preset that the table `[policies]` changes."""
    crlf: bool = False
    """Store CRLF line ends, as they came, not the LF that readers of a Maildir expect."""
    log_format: LogFormat = "text"
    drain: float = 30.0
    """Seconds that transactions under way have to end in when the server is told to stop."""
    limits: Limits = field(default_factory=Limits)
    policies: Policies = field(default_factory=Policies)

    def __post_init__(self) -> None:
        one_of = {"policy": ("strict", "internet"), "log_format": ("text", "json")}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in one_of:
                takes, right = f"one of {', '.join(map(repr, one_of[item.name]))}", value in one_of[item.name]
            elif item.name == "listen":
                takes = "an address or a list of addresses"
                right = isinstance(value, tuple) and value != () and all(isinstance(v, str) and v for v in value)
            elif item.name == "maildir":
                takes, right = "the path of a directory", isinstance(value, str) and value != "" and "\0" not in value
            elif item.name == "hostname":
                takes, right = "a domain", isinstance(value, str)
            elif item.name == "crlf":
                takes, right = "true or false", isinstance(value, bool)
            elif item.name == "drain":
                takes = "seconds from 0 on"
                right = not isinstance(value, bool) and isinstance(value, (int, float)) and 0 <= value < 1e9
            else:
                takes, right = "a table", isinstance(value, (Limits, Policies))
            if not right:
                raise ValueError(f"Settings.{item.name} takes {takes}, not {value!r}")

    def config(self) -> Config:
        """What the server is told; the hostname is checked here, as the RFC's rule for it stands in `Config`."""
        named: dict[str, Any] = {"hostname": self.hostname} if self.hostname else {}
        return Config(limits=self.limits, policies=self.policies, **named)


_TABLES: Mapping[str, type[Limits | Policies]] = {"limits": Limits, "policies": Policies}
_TOP = tuple(item.name for item in fields(Settings) if item.name not in _TABLES)
KEYS = (*_TOP, *(f"{table}.{item.name}" for table, owner in _TABLES.items() for item in fields(owner)))

# Limits there need not be.
_OPTIONAL = frozenset(f"limits.{item.name}" for item in fields(Limits) if "None" in str(item.type))


def settle(options: Mapping[str, object], file: str | None = None) -> Settings:
    """The settings from `options` (those that were given, by key), the keys of `file` (a path) and the defaults."""
    # All of the file is checked, also what an option overrides: it would be wrong on the day the option is left out.
    taken = {key: _checked(key, value, f"{file}: {key}") for key, value in _read(file)} if file is not None else {}
    for key, value in options.items():
        taken[key] = _checked(key, value, f"serve: --{key.rpartition('.')[2].replace('_', '-')}")
    preset = Policies.internet() if taken.get("policy") == "internet" else Policies.strict()
    tables: dict[str, dict[str, Any]] = {
        "limits": {},
        "policies": {f.name: getattr(preset, f.name) for f in fields(preset)},
    }
    top: dict[str, Any] = {}
    for key, value in taken.items():
        table, _, name = key.rpartition(".")
        (tables[table] if table else top)[name] = value
    return Settings(limits=Limits(**tables["limits"]), policies=Policies(**tables["policies"]), **top)


def _read(file: str) -> Iterator[tuple[str, object]]:
    """The keys of a TOML file with their values, tables flattened; nothing is known of the values yet."""
    try:
        with open(file, "rb") as stream:
            document = tomllib.load(stream)
    except OSError as error:
        raise Mistake(f"{file}: {error.strerror}; --config takes the path of a TOML file") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise Mistake(f"{file}: {error}; this is not TOML") from None
    for key, value in document.items():
        if key not in _TABLES:
            yield _known(key, file), value
        elif isinstance(value, dict):
            for name, inner in value.items():
                yield _known(f"{key}.{name}", file), inner
        else:
            raise Mistake(f"{file}: {key} takes a table, not {value!r}; write [{key}] and its keys below")


def _known(key: str, file: str) -> str:
    if key in KEYS:
        return key
    table, _, name = key.rpartition(".")
    table = table and f"{table}."
    beside = [known.removeprefix(table) for known in KEYS if table and known.startswith(table)] or [*_TOP, *_TABLES]
    # The right name in the wrong table is likelier than a name that looks alike.
    near = [known for known in KEYS if known.rpartition(".")[2] == name]
    near += [table + alike for alike in difflib.get_close_matches(name, beside, n=1)]
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(beside)}"
    raise Mistake(f"{file}: unknown key {key}; {hint}")


def _checked(key: str, value: object, where: str) -> object:
    """`value` as its field takes it, tried on its owner alone so that a refusal is about this key and no other."""
    if key == "listen":
        value = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
    if key in _OPTIONAL and type(value) in (int, float) and not value:
        value = None
    table, _, name = key.rpartition(".")
    owner: type[Limits | Policies | Settings] = _TABLES[table] if table else Settings
    given: dict[str, Any] = {name: value}
    try:
        tried = owner(**given)
        if isinstance(tried, Settings) and key == "hostname":
            tried.config()
    except ValueError as error:
        raise Mistake(f"{where} {str(error).partition(f'.{name} ')[2]}") from None
    return value
