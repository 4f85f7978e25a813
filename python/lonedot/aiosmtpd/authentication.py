"""AUTH (RFC 4954) as a handler of aiosmtpd's knows it, on lonedot's own server: an `authenticator` or a callback behind
PLAIN and LOGIN, mechanisms of the handler's own in `auth_…` methods, `handle_AUTH` before either.

Takes what lonedot asks an Authenticator; gives exchanges. PLAIN and LOGIN are lonedot's; a mechanism of the handler's
is a coroutine that stands still at each challenge, and goes on with the client's response, in whichever task that
comes.
"""

from __future__ import annotations

import asyncio
import inspect
import types
from base64 import b64encode
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword

from lonedot._core import Reply
from lonedot.aiosmtpd.client import Challenge, Client
from lonedot.aiosmtpd.status import reply
from lonedot.authenticator import Authenticator
from lonedot.sasl import MECHANISMS, Exchange, Identity, Outcome
from lonedot.sasl.exchange import FAILED, UNCHECKED, log_failure

if TYPE_CHECKING:
    from lonedot.connection import Connection

Mechanism = Callable[[Client, list[str]], Any]
Callback = Callable[[str, bytes, bytes], bool | Awaitable[bool]]

# Those of aiosmtpd's own that a password is all it takes for.
_PASSWORDS = ("PLAIN", "LOGIN")


class HandlerAuthenticator(Authenticator):
    """What a handler of aiosmtpd's offers with AUTH. `of` makes one."""

    __slots__ = ("_authenticator", "_callback", "_hook", "_own", "client")

    _authenticator: Callable[..., Any] | None
    _callback: Callback | None
    client: Callable[[Connection], Client]
    _hook: Callable[..., Any] | None
    _own: dict[str, Mechanism]

    @classmethod
    def of(
        cls,
        handler: Any,
        client: Callable[[Connection], Client],
        *,
        authenticator: Callable[..., Any] | None,
        callback: Callback | None,
        required: bool,
        without_tls: bool,
        exclude: Iterable[str],
    ) -> Self | None:
        """None for a handler that knows nothing of AUTH. Raises ValueError where it is required all the same."""
        own = {
            getattr(method, "__auth_mechanism_name__", name.removeprefix("auth_").replace("__", "-")).upper(): method
            for name, method in inspect.getmembers(handler, callable)
            if name.startswith("auth_")
        }
        hook = getattr(handler, "handle_AUTH", None)
        passwords = _PASSWORDS if authenticator or callback or hook else ()
        excluded = {name.upper() for name in exclude}
        offered = [name for name in dict.fromkeys((*own, *passwords)) if name not in excluded]
        if not offered:
            if required:
                raise ValueError("auth_required takes an authenticator: nobody could authenticate")
            return None
        self = cls.__new__(cls)
        self._credentials, self._mechanisms = handler, tuple(offered)
        self._required, self._dangerously_without_tls = required, without_tls
        self._authenticator, self._callback = authenticator, callback
        self.client, self._hook, self._own = client, hook, own
        return self

    def exchange(self, mechanism: str, connection: Connection) -> Exchange | Reply:
        """As `Authenticator.exchange`."""
        name = mechanism.upper()
        if name not in self._mechanisms:
            return Reply(504, "5.5.4", f"Unrecognized authentication type; there is {' '.join(self._mechanisms)}")
        return _HandlerExchange(self, name, connection)

    async def run(self, name: str, client: Client, initial: bytes | None) -> Outcome:
        """One exchange from its beginning to its end. Waits for `Challenge`s."""
        client.pushed = []
        # An empty response is written so (RFC 4954 §4).
        arguments = [name] if initial is None else [name, b64encode(initial).decode("ascii") or "="]
        if self._hook is not None:
            status = await _awaited(self._hook(client, client.session, client.envelope, arguments))
            if status is not MISSING:
                return self._by_status(client, name, status)
        if name in self._own:
            return self._by_result(client, name, await _awaited(self._own[name](client, arguments)))
        checks = _Checks(self.authenticate, client, name)
        inner = MECHANISMS[name](checks, client.connection)
        outcome = await inner.step(initial)
        while isinstance(outcome, bytes):
            outcome = await inner.step(await client.challenge_auth(outcome))
        if isinstance(outcome, Identity):
            return self._succeeded(client, name, checks.auth_data, outcome.name.encode())
        return outcome

    async def authenticate(self, client: Client, name: str, data: LoginPassword) -> AuthResult:
        """What the handler's authenticator says, or its callback; without either nobody is let in, as in aiosmtpd."""
        if self._authenticator is None:
            # An answer that is not awaited is true, whatever it would have been.
            success = self._callback is not None and await _awaited(self._callback(name, *data))
            return AuthResult(success=bool(success), handled=False, auth_data=data)
        result = await _awaited(self._authenticator(client, client.session, client.envelope, name, data))
        if not isinstance(result, AuthResult):
            raise TypeError(f"an authenticator gives an AuthResult, not {type(result).__name__}")
        return result

    def _by_result(self, client: Client, name: str, result: Any) -> Outcome:
        """What an `auth_…` method of the handler gives, in aiosmtpd's new system or its old one."""
        if isinstance(result, AuthResult):
            if result.success:
                return self._succeeded(client, name, result.auth_data, getattr(result.auth_data, "login", None))
            return _refusal(result.message if not result.handled else None, client)
        if result is None or result is MISSING or result is False:
            return _refusal(None, client)
        return self._succeeded(client, name, None, result)

    def _by_status(self, client: Client, name: str, status: Any) -> Outcome:
        """What `handle_AUTH` gives: it has done all there is to do."""
        pushed, client.pushed = client.pushed, []
        said = reply(pushed[-1] if status is None and pushed else status)
        if said.code >= 400:
            return said
        if said.code >= 300:
            raise ValueError("handle_AUTH asks with server.challenge_auth; a status of 3xx is none")
        auth_data = client.session.auth_data
        return self._succeeded(client, name, auth_data, getattr(auth_data, "login", None))

    def _succeeded(self, client: Client, name: str, auth_data: Any, login: Any) -> Identity:
        session = client.session
        session.authenticated, session.auth_data = True, auth_data
        session._login_data = login
        who = login.decode("utf-8", "replace") if isinstance(login, bytes) else login if isinstance(login, str) else ""
        client.identity = Identity(who, name, who)
        return client.identity


class _Checks:
    """What lonedot's PLAIN and LOGIN ask."""

    def __init__(
        self,
        authenticate: Callable[[Client, str, LoginPassword], Awaitable[AuthResult]],
        client: Client,
        name: str,
    ) -> None:
        self._authenticate = authenticate
        self._client = client
        self._name = name
        self.auth_data: Any = None

    async def check_password(self, connection: Connection, name: str, password: str) -> bool | Reply:
        """Whether the handler lets them in."""
        result = await self._authenticate(self._client, self._name, LoginPassword(name.encode(), password.encode()))
        self.auth_data = result.auth_data
        return True if result.success else _refusal(result.message if not result.handled else None, self._client)


async def _awaited(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


def _refusal(message: str | None, client: Client) -> Reply:
    """What a failure is answered: its message, what was pushed, or 535."""
    pushed, client.pushed = client.pushed, []
    said = message or (pushed[-1] if pushed else None)
    if said is None:
        return FAILED
    refusal = reply(said)
    return refusal if refusal.code >= 400 else FAILED


class _HandlerExchange(Exchange):
    """A coroutine that stands still at each challenge."""

    __slots__ = ("_authenticator", "_coroutine", "_name")

    def __init__(self, authenticator: HandlerAuthenticator, name: str, connection: Connection) -> None:
        super().__init__(authenticator, connection)
        self._authenticator = authenticator
        self._name = name
        self._coroutine: Coroutine[Any, Any, Outcome] | None = None

    async def _step(self, response: bytes | None) -> Outcome:
        sent: bytes | None = None
        client = self._authenticator.client(self._connection)
        if self._coroutine is None:
            await give_up(client)
            self._coroutine = self._authenticator.run(self._name, client, response)
        else:
            sent, client.mechanism = response, None
        try:
            outcome = await _to_challenge(self._coroutine, sent)
            if isinstance(outcome, bytes):
                client.mechanism = self._coroutine
            return outcome
        except Exception as error:
            # As with any credentials: without what it says, which may hold a password.
            log_failure(f"AUTH {self._name}", error)
            return UNCHECKED


async def give_up(client: Client) -> None:
    """Ends a mechanism that the client has left at a challenge: it is cancelled, and may await what it has to clean up.
    One that goes on asking is closed."""
    coroutine, client.mechanism = client.mechanism, None
    if coroutine is None:
        return
    try:
        await _to_challenge(coroutine, None, asyncio.CancelledError())
        coroutine.close()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
    except Exception as error:
        log_failure("an AUTH mechanism that its client has left", error)


@types.coroutine
def _to_challenge(
    coroutine: Coroutine[Any, Any, Outcome], sent: bytes | None, error: BaseException | None = None
) -> Generator[Any, Any, Outcome]:
    """Runs it to its next challenge, or to its end. `error`: what is raised in it first."""
    try:
        yielded = coroutine.send(sent) if error is None else coroutine.throw(error)
        while not isinstance(yielded, Challenge):
            try:
                got = yield yielded
            except BaseException as raised:
                yielded = coroutine.throw(raised)
            else:
                yielded = coroutine.send(got)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    return yielded.octets
