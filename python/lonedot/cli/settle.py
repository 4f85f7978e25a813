"""What `lonedot serve` is told: the defaults, under a TOML file, under the command line's options.

Takes values by their key, `drain` or `limits.max_line`; gives `Settings` whose every value was checked, or the
`Mistake` that names where the wrong one stood. The keys are the fields of `Settings`, and in the tables `[limits]` and
`[policies]` those of `Limits` and `Policies`: a field added there is a key here at once. Two things differ from the
fields: a limit that may be `None` takes 0 for it, as `SIZE 0` does (RFC 1870 §4) and because TOML has no `None`; and
what `[policies]` does not say comes from the preset that `policy` names. What `[networks."192.0.2.0/24"]` does not say,
comes from `[policies]`.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from lonedot.cli.kinds import Kind
from lonedot.cli.parser import Mistake
from lonedot.cli.settings import Settings
from lonedot.config import Config, Limits, Policies

_KINDS: Mapping[str, Kind] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if hasattr(hint, "__metadata__")
}
_TABLES: Mapping[str, type[Limits | Policies]] = {"limits": Limits, "policies": Policies}
KEYS = (*_KINDS, *(f"{table}.{item.name}" for table, owner in _TABLES.items() for item in fields(owner)))
# Limits there need not be.
_OPTIONAL = frozenset(f"limits.{item.name}" for item in fields(Limits) if "None" in str(item.type))


def settle(options: Mapping[str, object], file: str | None = None) -> Settings:
    """The settings from `options` (those that were given, by key), the keys of `file` (a path) and the defaults."""
    # All of the file is checked, also what an option overrides: it would be wrong on the day the option is left out.
    document = _read(file) if file is not None else {}
    networks = document.pop("networks", {})
    written = _flat(document, str(file))
    places = {key: f"{file}: {key}" for key in written}
    taken = {key: _checked(key, value, places[key]) for key, value in written.items()}
    for key, value in options.items():
        places[key] = f"serve: --{key.rpartition('.')[2].replace('_', '-')}"
        taken[key] = _checked(key, value, places[key])
    if taken.get("listen_tls") or taken.get("lmtp"):
        taken.setdefault("listen", ())
    preset = Policies.internet() if taken.get("policy") == "internet" else Policies.strict()
    policies = dataclasses.replace(preset, **_of_table("policies", taken))
    return Settings(
        limits=Limits(**_of_table("limits", taken)),
        policies=policies,
        networks=_networks(networks, policies, str(file)),
        places=places,
        **{key: value for key, value in taken.items() if key in _KINDS},
    )


def _of_table(table: str, taken: Mapping[str, Any]) -> dict[str, Any]:
    return {key.partition(".")[2]: value for key, value in taken.items() if key.startswith(f"{table}.")}


def _networks(document: object, policies: Policies, file: str) -> dict[str, Policies]:
    """Policies in the place of those of everybody else."""
    if not isinstance(document, dict):
        raise Mistake(f'{file}: networks takes tables, not {document!r}; write [networks."192.0.2.0/24"]')
    networks: dict[str, Policies] = {}
    for network, table in document.items():
        name = f'networks."{network}"'
        if not isinstance(table, dict):
            raise Mistake(f"{file}: {name} takes a table of policies, not {table!r}; write [{name}]")
        known = [item.name for item in fields(Policies)]
        for key in table:
            if key not in known:
                raise _unknown(f"{name}.{key}", difflib.get_close_matches(key, known, n=1), known, file)
        given = {key: _checked(f"policies.{key}", value, f"{file}: {name}.{key}") for key, value in table.items()}
        networks[network] = dataclasses.replace(policies, **given)
    try:
        Config(networks=networks)
    except ValueError as error:
        raise Mistake(f"{file}: {str(error).removeprefix('Config.')}") from None
    return networks


def _read(file: str) -> dict[str, Any]:
    """What a TOML file holds; nothing is known of it yet."""
    try:
        with open(file, "rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise Mistake(f"{file}: {error.strerror}; --config takes the path of a TOML file") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise Mistake(f"{file}: {error}; this is not TOML") from None


def _flat(document: Mapping[str, object], file: str) -> dict[str, object]:
    """The values by their key, tables flattened."""
    flat = {}
    for key, value in document.items():
        if key not in _TABLES:
            flat[_known(key, file)] = value
        elif isinstance(value, dict):
            flat |= {_known(f"{key}.{name}", file): inner for name, inner in value.items()}
        else:
            raise Mistake(f"{file}: {key} takes a table, not {value!r}; write [{key}] and its keys below")
    return flat


def _known(key: str, file: str) -> str:
    if key in KEYS:
        return key
    table, _, name = key.rpartition(".")
    table = table and f"{table}."
    beside = [known.removeprefix(table) for known in KEYS if table and known.startswith(table)]
    beside = beside or [*_KINDS, *_TABLES, "networks"]
    # The right name in the wrong table is likelier than a name that looks alike.
    near = [known for known in KEYS if known.rpartition(".")[2] == name]
    near += [table + alike for alike in difflib.get_close_matches(name, beside, n=1)]
    raise _unknown(key, near, beside, file)


def _unknown(key: str, near: Sequence[str], known: Sequence[str], file: str) -> Mistake:
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return Mistake(f"{file}: unknown key {key}; {hint}")


def _checked(key: str, value: Any, place: str) -> Any:
    """`value` as its field takes it, tried on its owner alone so that a refusal is about this key and no other."""
    if key in _OPTIONAL and type(value) in (int, float) and not value:
        return None
    table, _, name = key.rpartition(".")
    try:
        if not table:
            return _KINDS[name](value)
        _TABLES[table](**{name: value})
    except ValueError as error:
        raise Mistake(f"{place}{str(error).partition(f'.{name}')[2] if table else error}") from None
    return value
