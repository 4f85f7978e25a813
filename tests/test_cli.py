"""The command line without a server: arguments, settings, the log's lines."""

from __future__ import annotations

import json
import logging
import re
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from lonedot.cli import main
from lonedot.cli.logs import JsonFormatter, TextFormatter
from lonedot.cli.options import in_units, listed, octets
from lonedot.cli.parser import Mistake
from lonedot.cli.ready import Place, Use, ready
from lonedot.cli.settings import Settings
from lonedot.cli.settle import KEYS, settle
from lonedot.cli.stderr import one_line
from lonedot.config import Limits, Policies

EXAMPLE = Path(__file__).parent.parent / "examples" / "lonedot.toml"


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "lonedot.toml"


def value_of(settings: Settings, key: str) -> object:
    table, _, name = key.rpartition(".")
    return getattr(getattr(settings, table) if table else settings, name)


class TestHelp:
    def test_lists_the_commands(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="0"):
            main(["--help"])
        assert "serve" in capsys.readouterr().out

    def test_of_serve_has_every_option_with_its_default(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="0"):
            main(["serve", "--help"])
        text = capsys.readouterr().out
        options = text[text.index("where mail comes in") : text.index("examples:")]
        described = re.split(r"\n  (?=--)", options)[1:]
        assert len(described) == 23
        assert all("(default: " in " ".join(one.split()) for one in described)
        assert "127.0.0.1:2525" in options
        assert "50M" in options

    def test_version_is_the_distributions(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="0"):
            main(["--version"])
        assert re.fullmatch(r"lonedot \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


class TestMistakes:
    @pytest.mark.parametrize(
        ("argv", "words"),
        [
            ([], ["COMMAND", "lonedot --help"]),
            (["sevre"], ["sevre", "serve"]),
            (["serve", "--lisen", "x:1"], ["--lisen", "--listen?", "lonedot serve --help"]),
            (["serve", "--max", "1"], ["--max"]),  # no abbreviations
            (["serve", "here"], ["here"]),
            (["serve", "--policy", "lax"], ["--policy", "lax", "strict", "internet"]),
            (["serve", "--log-format", "xml"], ["--log-format", "xml", "json"]),
            (["serve", "--max-size", "1T"], ["--max-size", "1T", "25M"]),
            (["serve", "--max-size", "-1"], ["--max-size"]),
            (["serve", "--drain", "-1"], ["--drain", "seconds", "-1"]),
            (["serve", "--drain", "nan"], ["--drain", "seconds"]),
            (["serve", "--drain", "soon"], ["--drain", "soon"]),
            (["serve", "--hostname", "a b"], ["--hostname", "domain", "a b"]),
            (["serve", "--maildir", ""], ["--maildir", "directory"]),
            (["serve", "--config", "no/such.toml"], ["no/such.toml", "No such file", "--config"]),
            (["serve", "--config", "a\nb\x1b[2J"], [r"a\nb\x1b[2J"]),
        ],
    )
    def test_an_argument_is_one_line_and_exit_code_2(
        self, argv: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(argv) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("lonedot: ")
        assert err.count("\n") == 1
        assert [word for word in words if word not in err] == []

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("limits.max_sise = 1", ["limits.max_sise", "limits.max_size?"]),
            ("max_size = 1", ["unknown key max_size", "limits.max_size?"]),
            ("mailder = 'x'", ["mailder", "maildir?"]),
            ("[limit]\nmax_size = 1", ["unknown key limit;", "limits?"]),
            ("zzz = 1", ["zzz", "known here: listen, listen_tls, lmtp", "policies, networks"]),
            ("limits.zzz = 1", ["limits.zzz", "known here: max_size, max_line"]),
            ('"a\\nb" = 1', [r"a\nb"]),
            ("limits = 3", ["limits", "table"]),
            ("maildir = 1", ["maildir", "directory"]),
            ("hostname = 'a b'", ["hostname", "domain", "'a b'"]),
            ("hostname = 1", ["hostname", "domain"]),
            ("listen = []", ["listen", "address"]),
            ("listen = [1]", ["listen", "address"]),
            ("policy = ['strict']", ["policy", "'internet'"]),
            ("crlf = 1", ["crlf", "true or false"]),
            ("log_format = 'xml'", ["log_format", "'json'"]),
            ("drain = '5'", ["drain", "seconds"]),
            ("drain = true", ["drain", "seconds"]),
            ("limits.max_size = '50M'", ["limits.max_size", "whole number"]),
            ("limits.max_size = false", ["limits.max_size", "whole number"]),
            ("limits.max_line = 3", ["limits.max_line", "at least 4"]),
            ("limits.data_timeout = 0", ["limits.data_timeout", "seconds above 0"]),
            ("limits.greeting_delay = -1", ["limits.greeting_delay", "seconds from 0 on"]),
            ("limits.network_prefix_ipv4 = 33", ["limits.network_prefix_ipv4", "at most 32"]),
            ("policies.early_talk = 'keep'", ["policies.early_talk", "'note'"]),
            ("policies.nul = 'normalize'", ["policies.nul", "'keep'"]),
            ("policies.strict_grammar = 1", ["policies.strict_grammar", "true or false"]),
            ("listen x", ["TOML", "line 1"]),
        ],
    )
    def test_a_key_is_named_with_its_file(self, text: str, words: list[str], toml: Path) -> None:
        toml.write_text(text)
        with pytest.raises(Mistake) as caught:
            settle({}, str(toml))
        said = one_line(str(caught.value))
        assert said.startswith(f"{toml}: ")
        assert [word for word in words if word not in said] == []

    def test_a_key_an_option_overrides_is_checked_too(self, toml: Path) -> None:
        toml.write_text("drain = 'x'")
        with pytest.raises(Mistake, match="drain takes seconds"):
            settle({"drain": 1.0}, str(toml))

    def test_a_file_that_is_not_utf_8(self, toml: Path) -> None:
        toml.write_bytes(b"maildir = '\xff'")
        with pytest.raises(Mistake, match="not TOML"):
            settle({}, str(toml))


class TestSettings:
    def test_without_anything_are_the_defaults(self) -> None:
        assert settle({}) == Settings()

    def test_an_option_wins_over_the_file_and_the_file_over_the_default(self, toml: Path) -> None:
        toml.write_text("maildir = 'of-file'\ndrain = 5\n[limits]\nmax_size = 7\nmax_errors = 3")
        settings = settle({"maildir": "of-option", "limits.max_size": 9}, str(toml))
        assert (settings.maildir, settings.drain) == ("of-option", 5)
        assert settings.limits == Limits(max_size=9, max_errors=3)

    def test_every_field_of_limits_and_policies_is_a_key(self) -> None:
        assert {f"limits.{item.name}" for item in fields(Limits)} <= set(KEYS)
        assert {f"policies.{item.name}" for item in fields(Policies)} <= set(KEYS)

    @pytest.mark.parametrize("text", ['listen = "a:1"', 'listen = ["a:1"]'])
    def test_one_address_needs_no_list(self, text: str, toml: Path) -> None:
        toml.write_text(text)
        assert settle({}, str(toml)).listen == ("a:1",)

    def test_listening_is_replaced_not_added_to(self, toml: Path) -> None:
        toml.write_text('listen = ["a:1", "b:2"]')
        assert settle({"listen": ["c:3"]}, str(toml)).listen == ("c:3",)

    def test_a_size_of_0_is_no_limit(self, toml: Path) -> None:
        toml.write_text("limits.max_size = 0")
        assert settle({}, str(toml)).limits.max_size is None
        assert settle({"limits.max_size": 0}).limits.max_size is None

    def test_0_is_no_limit_wherever_none_is(self, toml: Path) -> None:
        names = ("max_connections_per_network", "max_octets_in_flight", "session_duration")
        for written in ("0", "0.0"):
            for name in names:
                if written == "0.0" and name != "session_duration":
                    continue
                toml.write_text(f"limits.{name} = {written}")
                assert getattr(settle({}, str(toml)).limits, name) is None

    def test_single_policies_change_the_preset_that_is_named(self, toml: Path) -> None:
        toml.write_text("policies.nul = 'keep'")
        assert settle({}, str(toml)).policies == Policies(nul="keep")
        assert settle({"policy": "internet"}, str(toml)).policies == Policies(nul="keep", long_line="keep")
        toml.write_text("policies.long_line = 'reject'")
        assert settle({"policy": "internet"}, str(toml)).policies == Policies.strict()

    def test_the_config_is_made_of_them(self) -> None:
        config = settle({"hostname": "mx.example.org", "limits.max_size": 5}).config()
        assert (config.hostname, config.limits.max_size) == ("mx.example.org", 5)
        assert settle({}).config().hostname

    @pytest.mark.parametrize(
        ("text", "size"), [("0", 0), ("1000", 1000), ("1k", 1024), ("25M", 25 << 20), ("2G", 2 << 30)]
    )
    def test_sizes_have_units(self, text: str, size: int) -> None:
        assert octets(text) == size

    @pytest.mark.parametrize(
        ("text", "items"),
        [("DSN", ["DSN"]), ("DSN, DELIVERBY 240", ["DSN", "DELIVERBY 240"]), ("", []), ("a,", ["a", ""])],
    )
    def test_lists_have_commas(self, text: str, items: list[str]) -> None:
        assert listed(text) == items

    @pytest.mark.parametrize(("size", "text"), [(None, "0"), (1000, "1000"), (2048, "2K"), (50 << 20, "50M")])
    def test_units_are_shown(self, size: int | None, text: str) -> None:
        assert in_units(size) == text


class TestExample:
    def test_changes_nothing_as_it_is(self) -> None:
        assert settle({}, str(EXAMPLE)) == Settings()

    def test_shows_every_key_with_its_default(self, toml: Path) -> None:
        text = re.sub(r"(?m)^#(?=\[\w+\]$|\w+ = )", "", EXAMPLE.read_text())
        document: dict[str, Any] = tomllib.loads(text)
        shown = [key for key in document if not isinstance(document[key], dict)]
        shown += [f"{table}.{key}" for table in ("limits", "policies") for key in document[table]]
        assert sorted(shown) == sorted(KEYS)
        toml.write_text(text)
        settings = settle({}, str(toml))
        assert {key: value_of(settings, key) for key in KEYS} == {key: value_of(Settings(), key) for key in KEYS}


HOSTILE = "a\r\nb\x00\x1b[2J\x7f\x85\x9b\u2028\u2029\u202e\ud800é"
MAIL: dict[str, object] = {
    "id": "18f3a-1",
    "peer": "127.0.0.1:4242",
    "reverse_path": "a@x.example",
    "recipients": ["b@y.example", "c@z.example"],
    "octets": 1234,
    "seconds": 0.0041,
    "reply": "250 2.0.0 Ok: queued as 18f3a-1",
}


def record(message: str = "message", mail: dict[str, object] | None = None, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "lonedot.mail", "levelname": "INFO", "msg": message, "created": 1795288801.1239, "mail": mail} | more
    )


class TestText:
    def test_a_message(self) -> None:
        assert TextFormatter().format(record(mail=MAIL)) == (
            "2026-11-21T19:20:01.123Z INFO message id=18f3a-1 peer=127.0.0.1:4242 from=<a@x.example> "
            'to=<b@y.example>,<c@z.example> octets=1234 seconds=0.004 reply="250 2.0.0 Ok: queued as 18f3a-1"'
        )

    def test_an_aborted_transaction(self) -> None:
        mail: dict[str, object] = {
            "reverse_path": "", "recipients": [], "reason": "eof", "only_command": "QUIT", "detail": "6 octets",
        }  # fmt: skip
        line = TextFormatter().format(record("aborted", mail))
        assert line.endswith(' aborted from=<> to="" reason=eof only=QUIT detail="6 octets"')
        assert "only=" not in TextFormatter().format(record("aborted", mail | {"only_command": None}))

    def test_a_path_cannot_forge_a_field(self) -> None:
        line = TextFormatter().format(record(mail=MAIL | {"reverse_path": '"a> reply=250 \\"b"@x'}))
        assert r' from="<\"a> reply=250 \\\"b\"@x>" to=' in line

    def test_no_value_breaks_the_line_or_steers_the_terminal(self) -> None:
        mail = MAIL | {"reverse_path": HOSTILE, "recipients": [HOSTILE, "b"], "reply": HOSTILE}
        for one in (record(mail=mail), record(HOSTILE), record(HOSTILE, mail)):
            line = TextFormatter().format(one)
            assert line.isprintable()
            assert line.splitlines() == [line]
            assert r"a\r\nb\x00\x1b[2J\x7f\x85\x9b\u2028\u2029\u202e\ud800é" in line

    def test_other_records_name_their_logger(self) -> None:
        line = TextFormatter().format(record("listening on %s", name="lonedot.server", args=("x",)))
        assert line == "2026-11-21T19:20:01.123Z INFO lonedot.server: listening on x"

    def test_a_traceback_is_indented_below(self) -> None:
        lines = TextFormatter().format(record("oh", exc_info=exception())).split("\n")
        assert lines[0].endswith(" lonedot.mail: oh")
        assert lines[1] == "    Traceback (most recent call last):"
        assert all(line.startswith("    ") and line.isprintable() for line in lines[1:])

    def test_time_goes_on(self) -> None:
        times = (1795288801.0, 1795288801.9999, 1795288802.5, 1795288801.25)
        lines = [TextFormatter().format(record(created=created)).split()[0] for created in times]
        assert [line[17:] for line in lines] == ["01.000Z", "01.999Z", "02.500Z", "01.250Z"]


class TestJson:
    def test_a_message_has_the_keys_of_its_mail(self) -> None:
        line = json.loads(JsonFormatter().format(record(mail=MAIL)))
        assert line == MAIL | {
            "time": "2026-11-21T19:20:01.123Z", "level": "INFO", "logger": "lonedot.mail", "event": "message",
        }  # fmt: skip

    def test_no_value_breaks_the_line(self) -> None:
        for one in (record(mail=MAIL | {"reply": HOSTILE}), record(HOSTILE)):
            line = JsonFormatter().format(one)
            assert line.isascii()
            assert line.isprintable()
            assert HOSTILE in json.loads(line).values()

    def test_a_key_of_a_mail_takes_no_other_ones_place(self) -> None:
        assert json.loads(JsonFormatter().format(record(mail={"level": "x", "id": "1"})))["level"] == "INFO"

    def test_a_traceback_is_one_key(self) -> None:
        line = JsonFormatter().format(record("oh", exc_info=exception()))
        assert "\n" not in line
        assert json.loads(line)["traceback"].startswith("Traceback (most recent call last):\n")

    def test_a_value_of_any_type_is_written(self) -> None:
        assert json.loads(JsonFormatter().format(record(mail={"id": {1}})))["id"] == "{1}"


def exception() -> Any:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        return sys.exc_info()


class TestReadyLine:
    @pytest.mark.parametrize(
        ("address", "words"),
        [
            ("127.0.0.1:2525", '"127.0.0.1", 2525'),
            ("0.0.0.0:25", '"127.0.0.1", 25'),
            ("[::]:25", '"::1", 25'),
            ("[2001:db8::1]:25", '"2001:db8::1", 25'),
            ("mx.example.org:25", '"mx.example.org", 25'),
            ("unix:/run/a b.sock", 'connect("/run/a b.sock")'),
            ("unix:relative", f'connect("{Path.cwd()}/relative")'),
        ],
    )
    def test_connects_to_the_address(self, address: str, words: str) -> None:
        line = ready([Place(address, "SMTP")], Settings(maildir="./mail"))
        assert line.startswith(f"lonedot: listening on {address}; mail appears in ./mail/new; ")
        assert words in line
        assert line.isprintable()

    def test_says_what_is_where(self) -> None:
        places = [Place("[::]:465", "TLS"), Place("unix:/run/x", "LMTP"), Place("127.0.0.1:25", "SMTP")]
        line = ready(places, Settings())
        assert line.startswith("lonedot: listening on [::]:465 (TLS), unix:/run/x (LMTP), 127.0.0.1:25; mail appears ")
        assert 'smtplib.SMTP("127.0.0.1", 25, ' in line
        line = ready(places[:2], Settings())
        assert 'smtplib.LMTP("/run/x", ' in line

    @pytest.mark.parametrize(
        ("uses", "settings"),
        [
            (["TLS"], Settings()),
            (["SMTP"], Settings(tls_cert="x", require_tls=True)),
            (["LMTP"], Settings(tls_cert="x", users="x", require_auth=True)),
            (["SMTP"], Settings(trusted_proxies=("127.0.0.1",))),
        ],
    )
    def test_has_no_command_that_would_not_work(self, uses: list[Use], settings: Settings) -> None:
        line = ready([Place("127.0.0.1:25", use) for use in uses], settings)
        assert line.endswith("; mail appears in mail/new")
