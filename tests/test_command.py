"""parse_command, Reply and the values of Config from Python: shapes, errors, defaults.

The cases of the grammar are the corpus's, data/commands.toml.
"""

from __future__ import annotations

import dataclasses
import inspect
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lonedot
import pytest
from lonedot import (
    By,
    CommandError,
    Config,
    DataDecoder,
    Ehlo,
    Expn,
    Helo,
    Help,
    Lhlo,
    Limits,
    Mail,
    Noop,
    Orcpt,
    Policies,
    Rcpt,
    Reply,
    Unknown,
    Vrfy,
    parse_command,
)

CORPUS = Path(__file__).parent / "data" / "commands.toml"


class TestParseCommand:
    def test_match(self) -> None:
        match parse_command(b"MAIL FROM:<a@example.org> SIZE=1000 BODY=8BITMIME X-Y=z X-FLAG"):
            case Mail(reverse_path, parameters) as mail:
                assert reverse_path == "a@example.org"
                assert (mail.local_part, mail.domain) == ("a", "example.org")
                assert (parameters.size, parameters.body, parameters.smtputf8) == (1000, "8BITMIME", False)
                assert parameters.items() == [("SIZE", "1000"), ("BODY", "8BITMIME"), ("X-Y", "z"), ("X-FLAG", None)]
                assert (len(parameters), "x-y" in parameters, parameters.get("none", 7)) == (4, True, 7)
            case other:
                pytest.fail(repr(other))

    def test_values_of_parameters(self) -> None:
        mail = parse_command(b"MAIL FROM:<> BY=120;RT HOLDUNTIL=2030-01-01T00:30:00.5+01:00 ENVID=a+2Bb")
        assert isinstance(mail, Mail)
        match mail.parameters.by:
            case By(seconds, mode, trace) as by:
                assert (seconds, mode, trace) == (120, "R", True)
                assert repr(by) == 'By(120, "R", True)'
                assert {by: 1}[by] == 1
            case other:
                pytest.fail(repr(other))
        until = mail.parameters.hold_until
        assert until is not None
        assert datetime.fromisoformat(until) == datetime(2029, 12, 31, 23, 30, 1, tzinfo=UTC)
        assert (mail.parameters.envid, mail.parameters["ENVID"]) == ("a+b", "a+2Bb")
        assert (mail.parameters.notify, mail.parameters.orcpt) == (None, None)

        rcpt = parse_command(b"RCPT TO:<a@b> NOTIFY=DELAY,SUCCESS ORCPT=utf-8;pel\\x{E9}@b")
        assert isinstance(rcpt, Rcpt)
        assert rcpt.parameters.notify == ("SUCCESS", "DELAY")
        match rcpt.parameters.orcpt:
            case Orcpt("utf-8", "pelé@b") as orcpt:
                assert repr(orcpt) == 'Orcpt("utf-8", "pelé@b")'
                assert {orcpt: 1}[orcpt] == 1
            case unlike:
                pytest.fail(repr(unlike))
        assert (rcpt.parameters.size, rcpt.parameters.by, rcpt.parameters.requiretls) == (None, None, False)
        for value in (rcpt.parameters, by, orcpt):
            with pytest.raises(AttributeError):
                value.type = "x"  # type: ignore[union-attr, misc]

    @pytest.mark.parametrize(
        ("line", "kind", "values"),
        [
            (b"EHLO a.example", "Ehlo", ("a.example",)), (b"helo a.example", "Helo", ("a.example",)),
            (b"RCPT TO:<b@example.org>", "Rcpt", ("b@example.org",)), (b"DATA", "Data", ()), (b"RSET", "Rset", ()),
            (b"NOOP x", "Noop", ("x",)), (b"QUIT", "Quit", ()), (b"VRFY x", "Vrfy", ("x",)),
            (b"EXPN x", "Expn", ("x",)),
            (b"HELP x", "Help", ("x",)), (b"XYZZY a b", "Unknown", ("XYZZY", "a b")), (b"MAIL FROM:<>", "Mail", ("",)),
        ],
    )  # fmt: skip
    def test_kinds(self, line: bytes, kind: str, values: tuple[str, ...]) -> None:
        command: Any = parse_command(line)
        assert type(command).__name__ == kind
        names = type(command).__match_args__
        assert tuple(getattr(command, name) for name in names)[: len(values)] == values
        assert command == parse_command(bytearray(line))
        assert kind in repr(command)
        for name in (*names, "other"):
            with pytest.raises(AttributeError):
                setattr(command, name, "x")

    def test_dialects(self) -> None:
        assert isinstance(parse_command(b"LHLO a.example", dialect="lmtp"), lonedot.Lhlo)
        with pytest.raises(CommandError):
            parse_command(b"EHLO a.example", dialect="lmtp")
        with pytest.raises(ValueError):
            parse_command(b"NOOP", dialect="x")  # type: ignore[arg-type]

    def test_extensions_decide_how_long_a_line_may_be(self) -> None:
        mail = b"MAIL FROM:<a@example.org>"
        usual = ["SIZE", "8bitmime", "PIPELINING", "ENHANCEDSTATUSCODES", "SMTPUTF8", "CHUNKING", "LIMITS", "HELP"]
        for extensions, most in ((None, 563), (usual, 563), ((), 510), ({"Size"}, 536)):
            assert parse_command(mail.ljust(most), extensions=extensions) == parse_command(mail)
            with pytest.raises(CommandError, match="too long"):
                parse_command(mail.ljust(most + 1), extensions=extensions)
        assert parse_command(mail.ljust(563), extensions=iter(usual)) == parse_command(mail)
        for wrong in (["SIZE 1000"], ["X"], "SIZE", [""]):
            with pytest.raises(ValueError, match="extensions takes keywords out of SIZE, 8BITMIME"):
                parse_command(b"NOOP", extensions=wrong)
        with pytest.raises(TypeError):
            parse_command(b"NOOP", extensions=[1])  # type: ignore[list-item]

    @pytest.mark.parametrize(
        ("line", "name", "code"),
        [
            (b"MAIL FROM:<a@>", "reverse-path-syntax", 501), (b"NOOP\r\n", "bare-cr-in-command", 500),
            (b"NOOP\0", "nul-in-command", 500), (b"NO\nOP", "bare-lf-in-command", 500),
            (b"DATA x", "unexpected-argument", 501),
        ],
    )  # fmt: skip
    def test_errors(self, line: bytes, name: str, code: int) -> None:
        with pytest.raises(CommandError) as error:
            parse_command(line)
        assert (error.value.violation.name, error.value.reply.code) == (name, code)
        assert error.value.reply == error.value.violation.reply()

    @pytest.mark.parametrize(
        "case", tomllib.loads(CORPUS.read_text())["case"], ids=lambda case: repr(case["line"])[:60]
    )
    def test_the_corpus(self, case: dict[str, Any]) -> None:
        """What the Rust tests hold the parser to, seen from Python."""
        line = case["line"].encode("latin-1")
        grammar = {
            "smtputf8": case.get("smtputf8", False),
            "strict_grammar": case.get("strict", False),
            "extensions": case.get("extensions", []),
        }
        dialect = case.get("dialect", "smtp")
        if "fault" in case:
            with pytest.raises(CommandError) as error:
                parse_command(line, dialect, **grammar)
            violation = error.value.violation
            assert (violation.name, violation.offset) == (case["fault"], case.get("offset", violation.offset))
            assert error.value.reply.code == violation.code
            return
        command = parse_command(line, dialect, **grammar)
        match command:
            case Mail(path, parameters) | Rcpt(path, parameters):
                assert path == case.get("path", "")
                assert (parameters.size, parameters.body) == (case.get("size"), case.get("body"))
                for name in ("ret", "envid", "auth", "hold_for", "hold_until", "mt_priority", "transid"):
                    assert getattr(parameters, name) == case.get(name), name
                assert parameters.requiretls is case.get("requiretls", False)
                by, notify, orcpt = parameters.by, parameters.notify, parameters.orcpt
                assert (by and [by.seconds, by.mode, by.trace]) == case.get("by")
                assert (notify and list(notify)) == case.get("notify")
                assert (orcpt and [orcpt.type, orcpt.address]) == case.get("orcpt")
                sent = [keyword if value is None else f"{keyword}={value}" for keyword, value in parameters.items()]
                assert sent == case.get("parameters", [])
                assert list(command.notes) == case.get("notes", [])
            case Ehlo(name) | Helo(name) | Lhlo(name):
                assert name == case["name"]
            case Unknown(verb, argument):
                assert (verb, argument) == (case["verb"], case.get("argument", ""))
            case Noop(argument) | Help(argument) | Vrfy(argument) | Expn(argument):
                assert argument == case.get("argument", "")
        if not isinstance(command, Unknown):
            assert type(command).__name__.upper() == case["verb"]


class TestReply:
    def test_shape(self) -> None:
        match Reply(250, "2.1.0", "Ok"):
            case Reply(250, "2.1.0", "Ok") as reply:
                assert bytes(reply) == b"250 2.1.0 Ok\r\n"
                assert str(reply) == "250 2.1.0 Ok"
                assert {reply: 1}[Reply(250, "2.1.0", "Ok")] == 1
            case other:
                pytest.fail(repr(other))
        assert bytes(Reply(250, None, "one\ntwo")) == b"250-one\r\n250 two\r\n"
        assert Reply(250) != Reply(251)

    @pytest.mark.parametrize(
        "wrong",
        [
            (100,), (199,), (600,), (999,), (250, "5.1.1"), (250, "x"), (250, None, "a\r\nQUIT"), (250, None, "a\rb"),
            (250, None, "é"), (250, None, "\0"), (250, "2.0.0\r\n"),
        ],
        ids=repr,
    )  # fmt: skip
    def test_what_cannot_be_sent_is_a_mistake(self, wrong: Any) -> None:
        with pytest.raises(ValueError):
            Reply(*wrong)

    def test_no_line_is_longer_than_512_octets(self) -> None:
        lines = bytes(Reply(550, "5.0.0", "word " * 1000)).splitlines(keepends=True)
        assert max(map(len, lines)) <= 512
        assert all(line[3:4] == b"-" for line in lines[:-1])
        assert lines[-1].startswith(b"550 5.0.0 ")


class TestConfig:
    @pytest.mark.parametrize("value", [Config(hostname="a"), Limits(), Policies()])
    def test_frozen_and_hashable(self, value: Any) -> None:
        assert value == dataclasses.replace(value)
        assert hash(value) == hash(dataclasses.replace(value))
        for field in dataclasses.fields(value):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, field.name, None)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"max_size": -1}, {"max_size": "1"}, {"max_line": 3}, {"max_line": True}, {"drain": None},
            {"max_errors": 0},
            {"max_recipients": 0}, {"max_connections": 0}, {"command_timeout": 0}, {"data_timeout": -1.0},
            {"handler_deadline": float("nan")}, {"handler_deadline": float("inf")}, {"max_errors": 2**63},
            {"max_connections_per_network": 0}, {"max_connections_per_network": 1.5}, {"network_prefix_ipv4": None},
            {"network_prefix_ipv4": 0}, {"network_prefix_ipv4": 33}, {"network_prefix_ipv6": 129},
            {"session_duration": 0}, {"session_duration": "1h"}, {"min_data_rate": -1}, {"min_data_rate": 0.5},
            {"min_data_rate": None}, {"greeting_delay": -1}, {"greeting_delay": None}, {"greeting_delay": float("nan")},
            {"max_octets_in_flight": 0}, {"command_timeout": None}, {"max_connections": None},
        ],
        ids=repr,
    )  # fmt: skip
    def test_wrong_limits_name_the_field(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Limits(**wrong)

    def test_what_may_have_no_limit(self) -> None:
        unlimited = {"max_size", "max_messages", "max_session_octets", "session_duration"}
        unlimited |= {"max_connections_per_network", "max_octets_in_flight"}
        for field in dataclasses.fields(Limits):
            none: dict[str, Any] = {field.name: None}
            if field.name in unlimited:
                assert getattr(Limits(**none), field.name) is None
            else:
                with pytest.raises(ValueError, match=field.name):
                    Limits(**none)
        Limits(greeting_delay=0, min_data_rate=0, network_prefix_ipv4=1, network_prefix_ipv6=128)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"bare_cr": "drop"}, {"nul": "normalize"}, {"long_line": ""}, {"strict_grammar": "yes"},
            {"early_talk": "keep"}, {"early_talk": True},
        ],
        ids=repr,
    )  # fmt: skip
    def test_wrong_policies_name_the_field(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Policies(**wrong)

    @pytest.mark.parametrize("hostname", ["", "a b", "é.example", "a\r\nb", "x" * 256])
    def test_a_hostname_is_printable(self, hostname: str) -> None:
        with pytest.raises(ValueError, match="hostname"):
            Config(hostname=hostname)

    def test_presets(self) -> None:
        assert Policies.strict() == Policies()
        assert Policies.internet() == Policies(long_line="keep")

    def test_every_limit_that_can_be_made_makes_a_session(self) -> None:
        counts = [field.name for field in dataclasses.fields(Limits) if field.type in ("int", "int | None")]
        assert "max_errors" in counts
        for name in counts:
            for bits in (31, 32, 33, 63, 64):
                limit: dict[str, Any] = {name: 2**bits - 1}
                try:
                    limits = Limits(**limit)
                except ValueError:
                    continue
                lonedot.Session(Config(limits=limits))

    def test_the_decoders_defaults_are_the_policies(self) -> None:
        """Those of DataDecoder are the core's, those of Policies and Limits are Python's."""
        decoder = inspect.signature(DataDecoder).parameters
        for name in ("bare_cr", "bare_lf", "long_line", "nul"):
            assert decoder[name].default == getattr(Policies(), name)
        assert decoder["max_line"].default == Limits().max_line
        one_shot = inspect.signature(lonedot.decode_data).parameters
        assert {name: one_shot[name].default for name in decoder} == {name: decoder[name].default for name in decoder}


class TestCoreDefaults:
    """The core's Limits and DataPolicies have defaults of their own, for programs in Rust: they are the same."""

    SOURCES = Path(__file__).parent.parent / "rust" / "core" / "src"

    def default(self, path: str, kind: str) -> dict[str, str]:
        source = (self.SOURCES / path).read_text()
        _, _, rest = source.partition(f"impl Default for {kind} {{")
        body = rest.partition("Self {")[2].partition("{")[2].partition("}")[0]
        pairs = [pair.strip().split(": ") for pair in body.replace("\n", "").split(",") if pair.strip()]
        return {name: value.replace("_", "") for name, value in pairs}

    def test_limits(self) -> None:
        core = self.default("session/settings.rs", "Limits")
        assert core
        assert core == {name: str(getattr(Limits(), name)) for name in core}

    def test_policies(self) -> None:
        core = self.default("data/policies.rs", "DataPolicies")
        assert core.pop("max_size") == "u64::MAX"
        assert core.pop("max_line") == str(Limits().max_line)
        assert core.pop("line_ends") == "LineEnds::Crlf"
        assert core
        assert {name: value.rpartition("::")[2].lower() for name, value in core.items()} == {
            name: getattr(Policies(), name) for name in core
        }
