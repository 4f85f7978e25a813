"""The pages for those who come from aiosmtpd or smtpd: their Python works, the names they give are there."""

from __future__ import annotations

import asyncio
import inspect
import io
import re
import smtplib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import aiosmtpd.controller
import aiosmtpd.smtp
import lonedot
import lonedot.aiosmtpd
import pytest
from lonedot.aiosmtpd import SMTP, AiosmtpdHandler
from lonedot.handler import NAMES

from tests.support import run, serving

DOCS = Path(__file__).parent.parent / "docs"
AIOSMTPD = (DOCS / "aiosmtpd.md").read_text()
MIGRATING = (DOCS / "migrating.md").read_text()


def block(page: str, word: str) -> str:
    (found,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if word in block)
    return str(found)


def defined_by(page: str, word: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(block(page, word), names)
    return names


def send(port: int, sender: str = "a@example.net", message: bytes = b"Subject: s\r\n\r\nhello\r\n") -> Any:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        return client.sendmail(sender, ["b@example.org"], message)


def test_one_changed_import(capsys: pytest.CaptureFixture[str]) -> None:
    controller = defined_by(AIOSMTPD, "controller = Controller")["controller"]
    assert isinstance(controller, lonedot.aiosmtpd.Controller)
    made = controller.factory()
    assert type(made) is SMTP
    # Each has made one; neither was started.
    controller.loop.close()
    made.loop.close()


def test_what_breaks_rules_may_be_refused() -> None:
    strict = defined_by(AIOSMTPD, "class StrictSMTP")["StrictSMTP"]
    assert (strict.bare_cr, strict.bare_lf, strict.nul) == ("reject",) * 3
    assert (SMTP.bare_cr, SMTP.bare_lf, SMTP.nul) == ("keep",) * 3


def test_the_handler_on_lonedots_server(capsys: pytest.CaptureFixture[str]) -> None:
    names = defined_by(AIOSMTPD, "AiosmtpdHandler(Handler()")

    async def main() -> None:
        handler = AiosmtpdHandler(names["Handler"](), authenticator=names["authenticator"])
        async with serving(handler) as server:
            await asyncio.to_thread(send, int(server.listeners[0].address.rpartition(":")[2]))

    run(main())
    assert "a@example.net ['b@example.org'] 21" in capsys.readouterr().out


def test_every_hook_of_aiosmtpd_has_its_row() -> None:
    rows = re.findall(
        r"(?m)^\| (`handle_.*?|`process_message`|`auth_…` methods|`authenticator`.*?) \| yes \|", AIOSMTPD
    )
    hooks = {hook for row in rows for hook in re.findall(r"`(?:handle_)?([a-zA-Z_]+)", row)}
    # What aiosmtpd's source asks a handler for.
    source = inspect.getsource(aiosmtpd.smtp)
    asked = set(re.findall(r"_call_handler_hook\(\s*[\"'](\w+)[\"']", source)) | {"STARTTLS", "exception"}
    assert asked <= hooks
    assert hooks - asked == {"process_message", "auth_", "authenticator", "auth_callback"}


def test_the_table_of_names_has_what_aiosmtpd_takes() -> None:
    parameters = {
        *inspect.signature(aiosmtpd.smtp.SMTP.__init__).parameters,
        *inspect.signature(aiosmtpd.controller.BaseThreadedController.__init__).parameters,
    } - {"self", "handler", "loop", "SMTP_parameters", "ready_timeout"}
    named = set(re.findall(r"`(\w+)`", MIGRATING.partition("## From smtpd")[0]))
    assert parameters <= named
    for kind in aiosmtpd.smtp.Session, aiosmtpd.smtp.Envelope:
        made = kind(None) if kind is aiosmtpd.smtp.Session else kind()  # type: ignore[call-arg, arg-type]
        attributes = {name for name in vars(made) if not name.startswith("_")} - {"loop"}
        named = set(re.findall(r"\b\w+\b", MIGRATING))
        assert attributes <= named, kind


def test_what_it_says_is_there_is_there() -> None:
    said = set(re.findall(r"`(on_\w+)", MIGRATING))
    assert said <= set(NAMES)
    for name in re.findall(r"`(Limits|Policies|Config)\.(\w+)", MIGRATING):
        assert hasattr(getattr(lonedot, name[0])(), name[1]), name


def test_the_first_example_of_migrating() -> None:
    said = io.StringIO()
    with redirect_stdout(said):
        exec(block(MIGRATING, "# handle_RCPT"), {})
    assert re.fullmatch(r"127\.0\.0\.1:\d+\n", said.getvalue())


def test_smtpd_s_process_message_gets_what_it_got(capsys: pytest.CaptureFixture[str]) -> None:
    names = defined_by(MIGRATING, "def process_message")
    got: list[tuple[Any, ...]] = []

    def process_message(*arguments: Any, **kwargs: Any) -> None:
        got.append((*arguments, kwargs))

    names["process_message"] = process_message
    handler = names["Handler"]()
    handler.on_message.__globals__["process_message"] = process_message

    async def main() -> None:
        async with serving(handler) as server:
            port = int(server.listeners[0].address.rpartition(":")[2])
            await asyncio.to_thread(send, port, "", b"a\r\n..b\r\n\r\nc\r\n")

    run(main())
    ((peer, mailfrom, rcpttos, data, kwargs),) = got
    assert peer[0] == "127.0.0.1"
    assert (mailfrom, rcpttos, kwargs) == ("", ["b@example.org"], {})
    assert data == b"a\n..b\n\nc"
