"""All mechanisms of AUTH alike: what they come to, and what they never let out."""

from __future__ import annotations

import asyncio
import logging
import traceback
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lonedot import Identity, Reply
from lonedot.sasl import exchange as exchange_module

from tests.exchanges import (
    INVALID,
    MECHANISMS,
    NAME,
    PASSWORD,
    TOKEN,
    UNCHECKED,
    VERIFIER,
    Known,
    Only,
    bearer,
    exchange,
    is_malformed,
    last,
    outcomes,
    through,
    xoauth2,
)


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
class TestEach:
    def test_right(self, mechanism: str, awaits: bool) -> None:
        assert through(mechanism, Known(awaits=awaits))[-1] == Identity(NAME, mechanism, NAME)

    def test_wrong(self, mechanism: str, awaits: bool) -> None:
        assert through(mechanism, Known(awaits=awaits), secret="wrong")[-1] == INVALID

    def test_a_name_nobody_has_hears_the_same(self, mechanism: str, awaits: bool) -> None:
        known, nobody = Known(awaits=awaits), Known(awaits=awaits)
        wrong = through(mechanism, known, secret="wrong")
        unknown = through(mechanism, nobody, name="nobody@example.org", secret="wrong")
        # SCRAM's challenge holds nonce and salt.
        kinds = [outcome if isinstance(outcome, Reply) else type(outcome) for outcome in wrong]
        assert kinds == [outcome if isinstance(outcome, Reply) else type(outcome) for outcome in unknown]
        assert [call[0] for call in known.calls] == [call[0] for call in nobody.calls]

    def test_a_reply_is_passed_on(self, mechanism: str, awaits: bool) -> None:
        for said in Reply(454, "4.3.0", "Directory is down"), Reply(534, "5.7.9", "Too weak"):
            answers = dict.fromkeys(("check_password", "scram_verifier", "check_token"), said)
            assert through(mechanism, Known(awaits=awaits, **answers))[-1] == said

    @pytest.mark.parametrize("given", [None, 1, "", object(), Reply(235, "2.7.0", "Yes"), Reply(334, None, "eA==")])
    def test_what_is_no_verdict_is_no_success(
        self, mechanism: str, awaits: bool, given: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        if (mechanism == "SCRAM-SHA-256" and given is None) or ("OAUTH" in mechanism and given == ""):
            given = 1.5
        answers = dict.fromkeys(("check_password", "scram_verifier", "check_token"), given)
        assert through(mechanism, Known(awaits=awaits, **answers))[-1] == UNCHECKED
        assert [record.levelname for record in caplog.records] == ["ERROR"]

    @pytest.mark.parametrize("error", [ValueError, ConnectionRefusedError, asyncio.CancelledError, TimeoutError])
    def test_one_that_fails_is_454_and_logged_without_its_message(
        self, mechanism: str, awaits: bool, error: type[BaseException], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        raised = error(f"{PASSWORD} {TOKEN} {NAME}")
        raised.__cause__ = KeyError(PASSWORD, TOKEN)
        answers = dict.fromkeys(("check_password", "scram_verifier", "check_token"), raised)
        assert through(mechanism, Known(awaits=awaits, **answers))[-1] == UNCHECKED
        ours = [record for record in caplog.records if record.name == "lonedot.server"]
        assert len(ours) == 1
        text = logging.Formatter().format(ours[0])
        assert all(words in text for words in (error.__name__, "KeyError", "in later" if awaits else "in _give"))
        assert no_secret(caplog.text)
        # Nothing through which a handler could look into frames.
        assert ours[0].exc_info is None


SECRETS = (PASSWORD, TOKEN, VERIFIER.written(), *(b64encode(s.encode()).decode() for s in (PASSWORD, TOKEN)))


def no_secret(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize("mechanism", MECHANISMS)
class TestSecrets:
    def test_stand_in_no_log_and_no_repr(self, mechanism: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        credentials = Known()
        began: list[Any] = []
        real = exchange_module.Exchange.__init__

        def remembered(self: Any, *arguments: Any) -> None:
            began.append(self)
            real(self, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exchange_module.Exchange, "__init__", remembered)
            came = [*through(mechanism, credentials), *through(mechanism, credentials, secret="not " + PASSWORD)]
        assert len(began) == 2
        assert all(repr(one) == f"<{mechanism} exchange>" for one in began)
        assert no_secret(caplog.text + repr(came))

    def test_stand_in_no_exception(self, mechanism: str) -> None:
        begun = exchange(mechanism)
        outcomes(begun, b"\xff" + PASSWORD.encode() if mechanism != "SCRAM-SHA-256" else b"p=x,," + PASSWORD.encode())
        with pytest.raises(RuntimeError) as raised:
            outcomes(begun, PASSWORD.encode())
        # As it is written, and with the variables of the frames that are ours.
        shown = traceback.TracebackException.from_exception(raised.value)
        assert no_secret("".join(shown.format()))

    def test_a_cancellation_goes_through(self, mechanism: str, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            waiting = asyncio.Event()

            async def hang(*arguments: Any) -> bool:
                waiting.set()
                await asyncio.Event().wait()
                return True

            begun = exchange(mechanism, Only(check_password=hang, scram_verifier=hang, check_token=hang))
            responses = {
                "PLAIN": [f"\0{NAME}\0{PASSWORD}".encode()],
                "LOGIN": [NAME.encode(), PASSWORD.encode()],
                "OAUTHBEARER": [bearer()],
                "XOAUTH2": [xoauth2()],
                "SCRAM-SHA-256": [f"n,,n={NAME},r=abc".encode()],
            }[mechanism]
            for response in responses[:-1]:
                await begun.step(response)
            task = asyncio.create_task(begun.step(responses[-1]))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(RuntimeError, match="over"):
                await begun.step(b"")

        asyncio.run(main())
        assert caplog.text == ""


class TestAnyResponse:
    """Nothing a client says raises, and all of it comes to one of the three."""

    pieces = st.sampled_from(
        [
            b"",
            b"\x00",
            b"\x01",
            b",",
            b"=",
            b"n,,",
            b"y,,",
            b"p=tls-unique,,",
            b"n=" + NAME.encode(),
            b"r=abc",
            b"m=x",
            b"c=biws",
            b"p=AAAA",
            b"a=",
            b"auth=Bearer ",
            b"user=",
            TOKEN.encode(),
            PASSWORD.encode(),
            b"\xff",
            b"=2C",
            "é".encode(),
            "\u200f".encode(),
            b"i=4096",
            b"s=AAAA",
            b"e=x",
            b"v=AAAA",
            b"x=",
            b"nn=",
            b",,,",
        ]
    )
    responses = st.lists(st.one_of(st.binary(max_size=40), st.lists(pieces, max_size=12).map(b"".join)), max_size=4)

    @pytest.mark.parametrize("mechanism", MECHANISMS)
    @given(responses=responses, initial=st.booleans(), known=st.booleans())
    @settings(max_examples=300, deadline=None)
    def test_comes_to_one_of_three(self, mechanism: str, responses: list[bytes], initial: bool, known: bool) -> None:
        credentials = Known() if known else Known(**dict.fromkeys(("check_password", "check_token"), True))
        begun = exchange(mechanism, credentials)
        for response in [*([] if initial else [None]), *responses]:
            (outcome,) = outcomes(begun, response)
            assert isinstance(outcome, (bytes, Identity, Reply))
            if isinstance(outcome, Reply):
                assert outcome.code in (500, 501, 535)
            if isinstance(outcome, bytes):
                assert len(b64encode(outcome)) <= 12_288
            else:
                break

    @pytest.mark.parametrize("mechanism", MECHANISMS)
    def test_a_long_one_is_refused(self, mechanism: str) -> None:
        outcome = last(mechanism, b"x" * 12_289)
        assert isinstance(outcome, Reply) and (outcome.code, outcome.enhanced) == (500, "5.5.6")
        assert is_malformed(last(mechanism, b"\xff" * 12_288))

    @given(message=st.lists(pieces, min_size=1, max_size=8).map(b",".join))
    @settings(max_examples=300, deadline=None)
    def test_a_final_message_of_scram(self, message: bytes) -> None:
        begun = exchange("SCRAM-SHA-256")
        first, final = outcomes(begun, f"n,,n={NAME},r=abc".encode(), message)
        assert isinstance(first, bytes)
        assert isinstance(final, Reply) and final.code in (501, 535)
