"""What AUTH and the lines after it are answered, and when `Connection.auth` is set."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from typing import Any

import pytest
from lonedot import Authenticator, Identity, Reply
from lonedot.authentication import Authentication

from tests.exchanges import INVALID, NAME, PASSWORD, Known, Only, bearer, connection, is_malformed

PLAIN = f"\0{NAME}\0{PASSWORD}".encode()


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_an_initial_response_is_enough() -> None:
    here = connection()
    assert here.auth is None
    assert run(Authentication(Authenticator(Known()), here).begin("PLAIN", PLAIN)) == Reply(
        235, "2.7.0", "Authentication successful"
    )
    assert here.auth == Identity(NAME, "PLAIN", NAME)


def test_challenges_are_base64() -> None:
    here = connection()
    authentication = Authentication(Authenticator(Known()), here)
    assert run(authentication.begin("LOGIN", None)) == Reply(334, None, "VXNlcm5hbWU6")
    assert run(authentication.respond(NAME.encode())) == Reply(334, None, "UGFzc3dvcmQ6")
    assert here.auth is None
    assert run(authentication.respond(PASSWORD.encode())).code == 235
    assert here.auth == Identity(NAME, "LOGIN", NAME)


def test_an_empty_challenge_is_an_empty_text() -> None:
    authentication = Authentication(Authenticator(Known()), connection())
    assert bytes(run(authentication.begin("PLAIN", None))) == b"334 \r\n"
    assert run(authentication.respond(PLAIN)).code == 235


def test_a_whole_exchange_of_scram() -> None:
    import scramp

    here = connection()
    authentication = Authentication(Authenticator(Known()), here)
    client = scramp.ScramClient(["SCRAM-SHA-256"], NAME, PASSWORD)
    first = run(authentication.begin("SCRAM-SHA-256", client.get_client_first().encode()))
    client.set_server_first(b64decode(first.text, validate=True).decode())
    final = run(authentication.respond(client.get_client_final().encode()))
    client.set_server_final(b64decode(final.text, validate=True).decode())
    assert (first.code, final.code, here.auth) == (334, 334, None)
    assert run(authentication.respond(b"")).code == 235
    assert here.auth == Identity(NAME, "SCRAM-SHA-256", NAME)


def test_an_error_of_a_token_is_a_challenge() -> None:
    here = connection()
    authentication = Authentication(Authenticator(Known()), here)
    error = run(authentication.begin("OAUTHBEARER", bearer(token="wrong")))
    assert error == Reply(334, None, b64encode(b'{"status": "invalid_token"}').decode())
    assert run(authentication.respond(b"\x01")) == INVALID
    assert here.auth is None


@pytest.mark.parametrize(("mechanism", "code"), [("CRAM-MD5", 504), ("PLAIN", 501)])
def test_a_failure_leaves_nobody_and_may_be_followed_by_another(mechanism: str, code: int) -> None:
    here = connection()
    authentication = Authentication(Authenticator(Known()), here)
    assert run(authentication.begin(mechanism, b"")).code == code
    with pytest.raises(RuntimeError, match="no exchange is under way"):
        run(authentication.respond(b""))
    assert here.auth is None
    assert run(authentication.begin("PLAIN", PLAIN)).code == 235


def test_another_auth_takes_the_place_of_one_that_was_given_up() -> None:
    here = connection()
    authentication = Authentication(Authenticator(Known()), here)
    run(authentication.begin("LOGIN", b"somebody else"))  # and then "*", which the session answers
    assert run(authentication.begin("PLAIN", None)).code == 334
    assert is_malformed(run(authentication.respond(PASSWORD.encode())))


def test_one_that_is_cancelled_is_over() -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def hang(*arguments: Any) -> bool:
            asked.set()
            await asyncio.Event().wait()
            return True

        here = connection()
        credentials: Any = Only(check_password=hang)
        authentication = Authentication(Authenticator(credentials), here)
        task = asyncio.create_task(authentication.begin("PLAIN", PLAIN))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(RuntimeError, match="no exchange is under way"):
            await authentication.respond(PLAIN)
        assert here.auth is None

    run(main())
