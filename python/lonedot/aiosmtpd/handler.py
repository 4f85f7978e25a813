"""Runs a handler that was written for aiosmtpd on lonedot's own `Server`.

Takes what lonedot asks its handlers; calls the `handle_…` hook that means the same, with a session and an envelope of
aiosmtpd's; gives its status as a reply. Hooks the handler does not have are not asked for. What differs from aiosmtpd
is in docs/aiosmtpd.md, hook by hook.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from warnings import warn

from aiosmtpd.smtp import MISSING, Envelope, Session

from lonedot._core import Ehlo, Helo, Lhlo, Mail, Noop, Quit, Rcpt, Reply, Rset, Vrfy
from lonedot.aiosmtpd.authentication import Callback, HandlerAuthenticator, give_up
from lonedot.aiosmtpd.client import Client
from lonedot.aiosmtpd.status import replies, reply
from lonedot.prompt import prompt

if TYPE_CHECKING:
    from lonedot._core import Parameters
    from lonedot.connection import Connection
    from lonedot.transaction import Message

Answer = Reply | None
# What a hook's status means for the server. It is given what the hook was, but for server and session.
Meaning = Callable[..., Any]

# What a connection's state has it under.
_KEY = "lonedot.aiosmtpd"

NO_MAIL = Reply(503, "5.5.1", "Error: need MAIL command")
NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients: the handler has kept none")
INSECURE = Reply(554, "5.7.0", "Command refused due to lack of security")
REJECTED = Reply(421, "4.7.0", "Rejected by the handler of the PROXY header")
DROPPED = Reply(250, "2.0.0", "Ok")
NOT_ASCII = Reply(500, "5.6.0", "Error: strict ASCII mode")


class AiosmtpdHandler:
    """A handler for `lonedot.Server` that asks `handler`, an object or a class with hooks of aiosmtpd's.

    The other arguments are those of aiosmtpd's `SMTP` that are not in `Config`. `decode_data`: `envelope.content` is
    text. `enable_SMTPUTF8`: SMTPUTF8 is offered, as aiosmtpd's controllers have it. The `auth_…` ones are for AUTH; an
    `authenticator` may be the handler's attribute, too. Without any of them, and without `auth_…` or `handle_AUTH` in
    the handler, AUTH is not offered.

    As with aiosmtpd, messages are accepted and discarded where there is neither `handle_DATA` nor `process_message`.
    Raises TypeError for a `handle_EHLO` that takes neither 4 nor 5 arguments, and for a `handle_STARTTLS` that waits.
    """

    def __init__(
        self,
        handler: Any,
        *,
        decode_data: bool = False,
        enable_SMTPUTF8: bool = True,  # noqa: N803
        authenticator: Callable[..., Any] | None = None,
        auth_callback: Callback | None = None,
        auth_required: bool = False,
        auth_require_tls: bool = True,
        auth_exclude_mechanism: Iterable[str] = (),
    ) -> None:
        self.handler = handler
        self._decode_data = decode_data
        self._smtputf8 = enable_SMTPUTF8
        hooks = {name: getattr(handler, name) for name in dir(handler) if name.startswith("handle_")}
        self._hooks = {name: prompt(hook) for name, hook in hooks.items() if hook is not None}
        self._handle_mail, self._handle_rcpt, self._handle_data = (
            self._hooks.get(name) for name in ("handle_MAIL", "handle_RCPT", "handle_DATA")
        )
        if inspect.iscoroutinefunction(self._hooks.get("handle_STARTTLS")):
            raise TypeError("handle_STARTTLS is not awaited, and a coroutine would mean yes; make it a function")
        self._process_message = getattr(handler, "process_message", None)
        self._ehlo_takes_responses = self._takes_responses()
        capabilities = {"8bitmime"} if not decode_data else set()
        self.capabilities = frozenset(capabilities | ({"smtputf8"} if enable_SMTPUTF8 else set()))
        self.auth = HandlerAuthenticator.of(
            handler,
            self.client,
            authenticator=authenticator or getattr(handler, "authenticator", None),
            callback=auth_callback,
            required=auth_required,
            without_tls=not auth_require_tls,
            exclude=auth_exclude_mechanism,
        )
        if self.auth is not None:
            self.on_disconnect = self._disconnect
        self.on_hello = self._hello
        self.on_message = self._message
        # The server asks for what there is.
        self._asks_envelope = self._handle_mail is not None or self._handle_rcpt is not None
        if self._asks_envelope:
            self.on_mail, self.on_rcpt = self._mail, self._rcpt
        if "handle_PROXY" in self._hooks:
            self.on_connect = self._connect
        if "handle_VRFY" in self._hooks:
            self.on_vrfy = self._vrfy
        if "handle_NOOP" in self._hooks:
            self.on_noop = self._noop
        if "handle_RSET" in self._hooks:
            self.on_rset = self._rset
        if "handle_QUIT" in self._hooks:
            self.on_quit = self._quit

    def client(self, connection: Connection) -> Client:
        """What hooks get as `server` for this connection."""
        client: Client | None = connection.state.get(_KEY)
        if client is None:
            client = Client(self.handler, connection, smtputf8=self._smtputf8, decode_data=self._decode_data)
            connection.state[_KEY] = client
        if client.identity is not connection.auth:
            client.identify()
        return client

    def _current(self, connection: Connection) -> Client:
        """The same, for what may be said before EHLO: a session that has ended is not gone on with."""
        client = self.client(connection)
        if client.stale:
            tls = client.tls
            client.begin()
            hook = self._hooks.get("handle_STARTTLS")
            if hook is not None and client.tls is not tls:
                # Also where it raises. Not awaited, as in aiosmtpd.
                client.secure = False
                client.secure = bool(hook(client, client.session, client.envelope))
            return self.client(connection)
        return client

    # What the server asks.

    async def _connect(self, connection: Connection) -> Answer:
        client = self.client(connection)
        if client.session.proxy_data is None:
            return None  # no proxy between
        # What it raises is not asked about, as in aiosmtpd: a status of handle_exception's would be true.
        accepts = self._hooks["handle_PROXY"](client, client.session, client.envelope, client.session.proxy_data)
        if inspect.isawaitable(accepts):
            accepts = await accepts
        return None if accepts is not MISSING and accepts else REJECTED

    def _hello(self, connection: Connection, hello: Ehlo | Helo | Lhlo) -> Any:
        client = self._current(connection)
        if not client.secure:
            return INSECURE
        client.envelope = Envelope()
        client.session.extended_smtp = not isinstance(hello, Helo)
        name = "handle_EHLO" if client.session.extended_smtp else "handle_HELO"

        def meaning(status: Any, *_: Any) -> Answer:
            if isinstance(status, Iterable) and not isinstance(status, (str, bytes)):
                # aiosmtpd's own list, and what the hook has made of it: keywords are lonedot's to offer.
                status = "\r\n".join(status)
            answer = None if status is MISSING else replies(status)[-1]
            if answer is not None and answer.code >= 400:
                return answer
            if status is MISSING or client.session.host_name is None:
                client.session.host_name = hello.name
            client.greeted = True
            return None

        if name not in self._hooks:
            return meaning(MISSING)
        if name == "handle_EHLO" and self._ehlo_takes_responses:
            responses = [f"250-{client.hostname}", "250 HELP"]
            return self._ask(self._hooks[name], meaning, client, client.envelope, hello.name, responses)
        return self._ask(self._hooks[name], meaning, client, client.envelope, hello.name)

    def _mail(self, connection: Connection, mail: Mail) -> Any:
        client = self.client(connection)
        envelope = client.envelope
        if envelope.mail_from is not None:
            # Of a transaction that has ended without a message.
            envelope = client.envelope = Envelope()
        address, options = mail.reverse_path or "<>", _options(mail.parameters)
        # Also after one that was refused.
        envelope.smtp_utf8 = bool(options) and mail.parameters.smtputf8
        if self._handle_mail is None:
            return _mail_meaning(MISSING, envelope, address, options)
        return self._ask_of(self._handle_mail, _mail_meaning, client, envelope, address, options)

    def _rcpt(self, connection: Connection, rcpt: Rcpt) -> Any:
        client = self.client(connection)
        envelope = client.envelope
        if not envelope.mail_from:
            return NO_MAIL
        address, options = rcpt.forward_path, _options(rcpt.parameters)
        if self._handle_rcpt is None:
            return _rcpt_meaning(MISSING, envelope, address, options)
        return self._ask_of(self._handle_rcpt, _rcpt_meaning, client, envelope, address, options)

    def _message(self, connection: Connection, message: Message) -> Any:
        client = self.client(connection)
        envelope = client.envelope
        if not self._asks_envelope:
            self._fill(envelope, message)
        try:
            answer = self._delivered(client, envelope, message)
        except BaseException:
            client.envelope = Envelope()
            raise
        if answer is None or type(answer) is Reply or not inspect.isawaitable(answer):
            client.envelope = Envelope()
            return answer
        return _then_anew(answer, client)

    def _delivered(self, client: Client, envelope: Envelope, message: Message) -> Any:
        if not envelope.rcpt_tos:
            return NO_RECIPIENTS
        content = message.content
        envelope.original_content = content
        try:
            envelope.content = self._decoded(content) if self._decode_data else content
        except UnicodeDecodeError:
            return NOT_ASCII
        if self._handle_data is not None:
            return self._ask(self._handle_data, partial(_message_meaning, message), client, envelope)
        if self._process_message is not None:
            return self._legacy(self._process_message, client, envelope, message)
        return None

    def _vrfy(self, connection: Connection, vrfy: Vrfy) -> Any:
        address = vrfy.argument.removeprefix("<").removesuffix(">")
        client = self._current(connection)
        return self._ask(self._hooks["handle_VRFY"], _meaning, client, client.envelope, address)

    def _noop(self, connection: Connection, noop: Noop) -> Any:
        client = self._current(connection)
        return self._ask(self._hooks["handle_NOOP"], _meaning, client, client.envelope, noop.argument or None)

    def _rset(self, connection: Connection, rset: Rset) -> Any:
        client = self._current(connection)
        client.envelope = Envelope()
        return self._ask(self._hooks["handle_RSET"], _meaning, client, client.envelope)

    def _quit(self, connection: Connection, quit_: Quit) -> Any:
        client = self._current(connection)
        return self._ask(self._hooks["handle_QUIT"], _meaning, client, client.envelope)

    def _disconnect(self, connection: Connection, reason: str) -> Awaitable[None] | None:
        client: Client | None = connection.state.get(_KEY)
        return give_up(client) if client is not None and client.mechanism is not None else None

    # How the handler is asked.

    def _ask(self, hook: Callable[..., Any], meaning: Meaning, client: Client, envelope: Envelope, *others: Any) -> Any:
        """What a hook's status means, or what to await for it."""
        if not client.secure and hook is not self._hooks.get("handle_QUIT"):
            return INSECURE
        if client.pushed:
            client.pushed = []  # of a hook that did not come to its end
        try:
            status = hook(client, client.session, envelope, *others)
        except Exception as error:
            return self._failed(error, meaning, envelope, *others)
        if type(status) is str and not client.pushed:
            return meaning(status, envelope, *others)
        return self._settle(status, meaning, client, envelope, *others)

    def _ask_of(
        self,
        hook: Callable[..., Any],
        meaning: Meaning,
        client: Client,
        envelope: Envelope,
        path: str,
        options: list[str],
    ) -> Any:
        """The same of MAIL or RCPT, of which there is one for each message or more: without a list of arguments to pack
        and unpack, and a status that is text is the reply."""
        if client.pushed or not client.secure:
            return self._ask(hook, meaning, client, envelope, path, options)
        try:
            status = hook(client, client.session, envelope, path, options)
        except Exception as error:
            return self._failed(error, meaning, envelope, path, options)
        if type(status) is str and not client.pushed:
            return reply(status)
        return self._settle(status, meaning, client, envelope, path, options)

    def _settle(self, status: Any, meaning: Meaning, client: Client, envelope: Envelope, *others: Any) -> Any:
        if inspect.isawaitable(status):
            return self._later(status, meaning, client, envelope, *others)
        return meaning(_said(status, client), envelope, *others)

    async def _later(
        self, status: Awaitable[Any], meaning: Meaning, client: Client, envelope: Envelope, *others: Any
    ) -> Any:
        try:
            said = _said(await status, client)
        except Exception as error:
            return await self._failed(error, meaning, envelope, *others)
        return meaning(said, envelope, *others)

    def _failed(self, error: Exception, meaning: Meaning, *arguments: Any) -> Coroutine[Any, Any, Any]:
        """What `handle_exception` makes of it. Without one, or where that says nothing, it is raised anew, for the
        server to log, and to say 451."""
        hook = self._hooks.get("handle_exception")
        if hook is None:
            raise error

        async def asked() -> Any:
            status = hook(error)
            if inspect.isawaitable(status):
                status = await status
            if status is None or status is MISSING:
                raise error  # nothing said accepts nothing
            return meaning(status, *arguments)

        return asked()

    def _legacy(self, hook: Callable[..., Any], client: Client, envelope: Envelope, message: Message) -> Any:
        warn("Use handler.handle_DATA() instead of .process_message()", DeprecationWarning, stacklevel=2)

        def legacy(_client: Client, session: Session, of: Envelope) -> Any:
            return hook(session.peer, of.mail_from, of.rcpt_tos, of.content)

        def meaning(status: Any, of: Envelope) -> Any:
            return _message_meaning(message, MISSING if status is None else status, of)

        return self._ask(legacy, meaning, client, envelope)

    # What they are given.

    def _takes_responses(self) -> bool:
        hook = self._hooks.get("handle_EHLO")
        if hook is None:
            return False
        count = len(inspect.signature(hook).parameters)
        if count not in (4, 5):
            raise TypeError(
                f"handle_EHLO takes server, session, envelope, hostname and responses, not {count} arguments"
            )
        return count == 5

    def _fill(self, envelope: Envelope, message: Message) -> None:
        """As the client gave it, where no hook has been asked."""
        mail = message.transaction.mail
        envelope.smtp_utf8 = mail.parameters.smtputf8
        envelope.mail_from = mail.reverse_path or "<>"
        envelope.mail_options = _options(mail.parameters)
        envelope.rcpt_tos = list(message.forward_paths)
        envelope.rcpt_options = [option for rcpt in message.transaction.rcpts for option in _options(rcpt.parameters)]

    def _decoded(self, content: bytes) -> str:
        return content.decode("utf-8", "surrogateescape") if self._smtputf8 else content.decode("ascii")

    def __repr__(self) -> str:
        return f"<AiosmtpdHandler of {self.handler!r}>"


def _meaning(status: Any, *_: Any) -> Answer:
    return None if status is MISSING else reply(status)


def _mail_meaning(status: Any, envelope: Envelope, address: str, options: list[str]) -> Answer:
    if status is MISSING:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return None
    return reply(status)


def _rcpt_meaning(status: Any, envelope: Envelope, address: str, options: list[str]) -> Answer:
    if status is MISSING:
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return None
    return reply(status)


def _message_meaning(message: Message, status: Any, envelope: Envelope) -> Any:
    if status is MISSING:
        return None
    said = replies(status)
    return said[0] if len(said) == 1 else _for_each(said, envelope.rcpt_tos, message)


async def _then_anew(answer: Awaitable[Any], client: Client) -> Any:
    """What is awaited for a message, whose envelope is the client's until then."""
    try:
        return await answer
    finally:
        client.envelope = Envelope()


def _said(status: Any, client: Client) -> Any:
    """The status; or where there is none, what was pushed last."""
    pushed, client.pushed = client.pushed, []
    return pushed[-1] if status is None and pushed else status


def _options(parameters: Parameters) -> list[str]:
    """As aiosmtpd lists them."""
    if not len(parameters):
        return []
    return [keyword if value is None else f"{keyword}={value}" for keyword, value in parameters.items()]


def _for_each(said: tuple[Reply, ...], kept: list[str], message: Message) -> list[Reply]:
    """LMTP: a status for each recipient, in order; or for each that the handler has kept, where it has dropped some it
    accepted at RCPT, which are none of its cares. Raises ValueError where nobody can tell whose is whose."""
    paths = message.forward_paths
    if len(said) == len(paths):
        return list(said)
    if len(said) == len(kept):
        left = list(zip(kept, said, strict=True))[::-1]
        replies = [left.pop()[1] if left and left[-1][0] == path else DROPPED for path in paths]
        if not left:
            return replies
    raise ValueError(f"{len(paths)} recipients take one status, or one for each, not {len(said)}")
