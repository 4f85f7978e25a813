"""The Python of the README and of docs/ works as written, their tables name all there is; and the commands of
`lonedot serve` work, in the README and in its help."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

import lonedot
import pytest
from lonedot._core import EXTENSIONS
from lonedot.cli import _parser
from lonedot.cli.options import EXAMPLES, given
from lonedot.cli.settle import settle
from lonedot.handler import NAMES
from lonedot.networks import Networks

from tests.serving import eventually
from tests.support import Client, Recorder, run, serving
from tests.tls_support import NAME, Authority

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXTENSIONS_PAGE = (ROOT / "docs/extensions.md").read_text()
PAGES = (README, (ROOT / "docs/server.md").read_text(), EXTENSIONS_PAGE)
SERVE = re.findall(r"(?m)^(?:\$|  )\s*(lonedot serve\b(?:.*\\\n)*.*)$", README + EXAMPLES)
BLOCKS = re.findall(r"```python\n(.*?)```", "".join(PAGES), re.DOTALL)


def block(word: str) -> str:
    """The one that has the word."""
    (found,) = (block for block in BLOCKS if word in block)
    return str(found)


def defined_by(word: str) -> dict[str, Any]:
    """What that block defines."""
    names: dict[str, Any] = {"lonedot": lonedot}
    exec(block(word), names)
    return names


def test_the_first_example(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    (tmp_path / "example.py").write_text(block("add_signal_handler").replace("127.0.0.1:2525", f"unix:{path}"))
    with subprocess.Popen(
        [sys.executable, "-u", "example.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            eventually(path.exists, "the example to listen")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<c@Example.ORG>\r\n")
                client.sendall(b"DATA\r\nhi\r\n.\r\nQUIT\r\n")
                said = b"".join(iter(lambda: client.recv(65536), b""))
            assert re.findall(rb"^(\d{3}) ", said, re.MULTILINE) == b"220 250 250 550 250 354 250 221".split()
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (printed, process.returncode) == ("a@b ('c@Example.ORG',) 4\n", 0)


@pytest.mark.parametrize(
    ("mail_data", "code", "stops"),
    [
        (b"Subject: x\r\n\r\nhello\r\n", 250, 0),
        (b"X-Spam-Flag: YES\r\n\r\nhello\r\n", 550, 1),
        (b"X-Long: y\r\n" * 6000, 552, 1),
    ],
)
def test_as_it_comes(mail_data: bytes, code: int, stops: int, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with serving(defined_by("HeaderFirst")["Streaming"]()) as server, Client.to(server) as client:
            await client.until_mail_data()
            client.send(mail_data + b".\r\n")
            await client.expect(code)

    run(main())
    assert capsys.readouterr().out.count("the sink stopped the transfer") == stops


def test_tls_and_auth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    certificate = authority.issue_cert(NAME, "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "mx.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "mx.key"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(re.sub(r'"127\.0\.0\.1:\d+"', '"127.0.0.1:0"', block("async def submission")), names)
    recorder = Recorder()

    async def main() -> None:
        server = await names["submission"](recorder)
        try:
            starttls, implicit = (int(listener.address.rpartition(":")[2]) for listener in server.listeners)
            await asyncio.to_thread(submit, starttls, None, authority.trusted())
            await asyncio.to_thread(submit, implicit, authority.trusted(), None)
        finally:
            await server.stop(drain=0)

    run(main())
    assert [message.transaction.connection.auth.name for message in recorder.of("on_message")] == ["alice", "alice"]


def submit(port: int, implicit: ssl.SSLContext | None, starttls: ssl.SSLContext | None) -> None:
    """Sends a message: refused before AUTH and with a wrong password, taken with the right one."""
    client: smtplib.SMTP
    if implicit is not None:
        client = smtplib.SMTP_SSL("127.0.0.1", port, timeout=10, context=implicit)
    else:
        client = smtplib.SMTP("127.0.0.1", port, timeout=10)
    with client:
        if starttls is not None:
            client.ehlo()
            assert not client.has_extn("auth")
            client.starttls(context=starttls)
        client.ehlo()
        assert client.mail("a@example.org")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("alice", "wrong horse")
        client.login("alice", "correct horse")
        assert client.sendmail("a@example.org", ["b@example.org"], "hello") == {}


DATED = b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: Ann <ann@a.example>\r\nMessage-ID: <1@a.example>\r\n"
UNDATED = DATED.partition(b"\r\n")[2]


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\nhello\r\n"])
@pytest.mark.parametrize(("fields", "folder"), [(DATED, "inbox"), (UNDATED, "doubtful")])
def test_a_sink_that_knows_what_was_found(fields: bytes, folder: str, end: bytes) -> None:
    policies = lonedot.Policies(header=lonedot.HeaderPolicy("report"))

    async def main() -> None:
        handler = defined_by("class Sorting")["Folders"]()
        async with serving(handler, policies=policies) as server, Client.to(server) as client:
            await client.until_mail_data()
            client.send(fields + end + b".\r\n")
            assert await client.expect(250) == f"250 2.0.0 Ok: into {folder}"

    run(main())


def test_headers_inside_your_own_server() -> None:
    refusal = defined_by("def refusal")["refusal"]
    assert refusal([DATED + b"\r", b"\nhello\r\n.\r\n"]) is None
    assert str(refusal([UNDATED + b"\r", b"\nhello\r\n.\r\n"])).startswith("550 5.6.0 ")


def test_header_sections(capsys: pytest.CaptureFixture[str]) -> None:
    names = defined_by("message.findings or ()")

    async def main() -> None:
        server = serving(names["Handler"](), policies=names["config"].policies)
        async with server as made, Client.to(made) as client:
            await client.until_mail_data()
            client.send(b"Bcc:\r\n" + DATED + b"\r\n.\r\n")
            await client.expect(250)
            await client.until_mail_data()
            client.send(DATED.replace(b"Message-ID", b"X-ID") + b"\r\n.\r\n")
            await client.expect(550)

    run(main())
    assert capsys.readouterr().out.startswith("empty-bcc advice Bcc 1 ")


def test_behind_a_proxy() -> None:
    config = defined_by("trusted_proxies")["config"]
    assert lonedot.Peer("10.1.2.3", 25) in Networks.of(config.trusted_proxies, True)


def test_inside_your_own_server(capsys: pytest.CaptureFixture[str]) -> None:
    names = defined_by("def converse")
    server, client = socket.socketpair()
    with server, client:
        thread = threading.Thread(target=names["converse"], args=(server,))
        thread.start()
        client.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n")
        thread.join()
        assert re.findall(rb"^(\d{3}) ", client.recv(65536), re.MULTILINE) == b"220 250 250 250 354 250 221".split()
    assert capsys.readouterr().out == "a@example.org 1000\n7\n"
    server, client = socket.socketpair()
    with server, client:
        client.sendall(b"hello\r\n.\r\nQUIT\r\n")
        assert names["receive"](server) == (b"hello\r\n", b"QUIT\r\n")


def test_capabilities() -> None:
    async def main() -> None:
        async with serving(defined_by("class Relay")["Relay"]()) as server, Client.to(server) as client:
            client.send(b"EHLO x\r\n")
            assert {"DSN", "DELIVERBY 240"} <= {line[4:] for line in await client.reply()}

    run(main())


def test_every_hook_is_named() -> None:
    assert [name for name in NAMES if f"`{name}`" not in README] == []


def test_the_table_of_limits_is_that_of_limits() -> None:
    """Each limit stands there with its default; and nothing else does."""
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+)[^|]* \|", README, re.MULTILINE))
    other = {"network_prefix_ipv4", "network_prefix_ipv6"}  # beside the limit that they are for
    defaults = {item.name: getattr(lonedot.Limits(), item.name) for item in fields(lonedot.Limits)}
    assert {name: float(value.replace(",", "")) for name, value in rows.items()} == {
        name: value for name, value in defaults.items() if name not in other
    }
    for name in other:
        assert f"`{name}` {defaults[name]}" in README


def test_the_table_of_extensions_is_that_of_the_core() -> None:
    rows = re.findall(r"^\| `([A-Z0-9-]+)` \|", EXTENSIONS_PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(EXTENSIONS)
    typed = {name for name in dir(lonedot.Parameters) if not name.startswith("_")} - {"items", "get"}
    assert set(re.findall(r"`parameters\.(\w+)`", EXTENSIONS_PAGE)) == typed


@pytest.mark.parametrize("command", SERVE)
def test_a_command(command: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as listening, which takes the ports and addresses of somebody's machine."""
    monkeypatch.chdir(tmp_path)
    issued = authority.issue_cert("mx.example.org")
    issued.private_key_pem.write_to_path("mx.key")
    issued.cert_chain_pems[0].write_to_path("mx.pem")
    Path("users").touch(mode=0o600)
    Path("lonedot.toml").touch()
    options = _parser().parse_args(shlex.split(command.replace("\\\n", " "))[1:])
    settings = settle(given(options), options.config)
    assert settings.config(settings.credentials()).hostname == settings.hostname


def test_the_commands_are_found() -> None:
    assert len(SERVE) == README.count("$ lonedot serve") + EXAMPLES.count("\n  lonedot serve") == 11
