"""PLAIN and LOGIN: what they take for well-formed, and in which form the credentials are asked."""

from __future__ import annotations

from typing import Any

import pytest
import scramp
from hypothesis import given
from hypothesis import strategies as st
from lonedot import Identity, Reply
from lonedot.sasl.saslprep import prepared

from tests.exchanges import (
    INVALID,
    NAME,
    PASSWORD,
    Known,
    Only,
    exchange,
    is_malformed,
    last,
    outcomes,
)


class TestPlain:
    def test_the_example_of_rfc_4616(self) -> None:
        # §4: Tim logs in; Ursel logs in and acts as Kurt.
        tim = Known(check_password=True)
        assert last("PLAIN", b"\0tim\0tanstaaftanstaaf", credentials=tim) == Identity("tim", "PLAIN", "tim")
        assert tim.calls == [("check_password", "tim", "tanstaaftanstaaf")]
        ursel = Known(check_password=True, authorize=True)
        assert last("PLAIN", b"Ursel\0Kurt\0xipj3plmq", credentials=ursel) == Identity("Kurt", "PLAIN", "Ursel")
        assert ursel.calls == [("check_password", "Kurt", "xipj3plmq"), ("authorize", "Kurt", "Ursel")]

    def test_asks_where_there_was_no_initial_response(self) -> None:
        assert outcomes(exchange("PLAIN"), None) == [b""]

    @pytest.mark.parametrize(
        "response",
        [
            b"",
            b"\x00",
            b"\x00\x00",
            b"a\x00b",
            b"\x00a\x00b\x00",
            b"\x00a\x00b\x00c",
            b"\x00\x00password",
            b"\x00name\x00",
            b"\x00a\xff\x00b",
            b"\xff\x00a\x00b",
            b"\x00a\x00\xff",
            b"\x00\xed\xa0\x80\x00b",
            b"\x00" + b"n" * 1025 + b"\x00p",
            b"\x00n\x00" + b"p" * 1025,
        ],
    )
    def test_malformed(self, response: bytes) -> None:
        credentials = Known(check_password=True)
        assert is_malformed(last("PLAIN", response, credentials=credentials))
        assert credentials.calls == []

    @pytest.mark.parametrize("response", [b"\0a\tb\0c", b"\0a\0b\r\nc", b"a\x7f\0a\0c", b"\0\xc2\xad\0c"])
    def test_what_cannot_be_prepared_fails(self, response: bytes) -> None:
        credentials = Known(check_password=True)
        assert last("PLAIN", response, credentials=credentials) == INVALID
        assert credentials.calls == []

    def test_the_longest(self) -> None:
        credentials = Known(check_password=True)
        name = "n" * 1024
        response = f"\0{name}\0{'p' * 1024}".encode()
        assert last("PLAIN", response, credentials=credentials) == Identity(name, "PLAIN", name)

    def test_is_given_prepared(self) -> None:
        credentials = Known(check_password=True)
        last("PLAIN", "\0\u2168\0a\u00a0\u00aa\U0001f600".encode(), credentials=credentials)
        assert credentials.calls == [("check_password", "IX", "a a\U0001f600")]

    def test_acting_as_oneself_needs_nobodys_leave(self) -> None:
        credentials = Only(check_password=lambda *_: True)
        assert last("PLAIN", b"tim\0tim\0x", credentials=credentials) == Identity("tim", "PLAIN", "tim")

    @pytest.mark.parametrize(
        "authorize", [None, lambda *_: False, lambda *_: Reply(535, "5.7.8", "Never"), lambda *_: 1 / 0]
    )
    def test_acting_as_another_needs_leave(self, authorize: Any) -> None:
        credentials = Only(check_password=lambda *_: True, authorize=authorize)
        outcome = last("PLAIN", b"root\0tim\0x", credentials=credentials)
        assert isinstance(outcome, Reply) and outcome.code in (535, 454)

    def test_nobody_is_asked_for_leave_before_the_password_is_right(self) -> None:
        credentials = Known(check_password=False, authorize=True)
        assert last("PLAIN", b"root\0tim\0x", credentials=credentials) == INVALID
        assert credentials.calls == [("check_password", "tim", "x")]


class TestLogin:
    def test_prompts(self) -> None:
        came = outcomes(exchange("LOGIN"), None, NAME.encode(), PASSWORD.encode())
        assert came == [b"Username:", b"Password:", Identity(NAME, "LOGIN", NAME)]

    def test_an_initial_response_is_the_name(self) -> None:
        came = outcomes(exchange("LOGIN"), NAME.encode(), PASSWORD.encode())
        assert came == [b"Password:", Identity(NAME, "LOGIN", NAME)]

    @pytest.mark.parametrize("wrong", [b"", b"\xff", b"x" * 1025])
    def test_malformed(self, wrong: bytes) -> None:
        credentials = Known(check_password=True)
        assert is_malformed(last("LOGIN", wrong, credentials=credentials))
        assert is_malformed(last("LOGIN", b"name", wrong, credentials=credentials))
        assert credentials.calls == []

    @pytest.mark.parametrize("wrong", [b"a\0b", b"a\nb"])
    def test_a_control_character_fails(self, wrong: bytes) -> None:
        credentials = Known(check_password=True)
        assert last("LOGIN", wrong, b"x", credentials=credentials) == INVALID
        assert last("LOGIN", b"x", wrong, credentials=credentials) == INVALID
        assert credentials.calls == []


class TestSaslprep:
    @pytest.mark.parametrize(
        ("text", "form"),
        [
            # RFC 4013 §3.
            ("I\u00adX", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u00aa", "a"),
            ("\u2168", "IX"),
            ("\u0007", None),
            ("\u0627\u0031", None),
            # And what is not there.
            ("", None),
            ("\u00ad", None),
            ("a\u00a0b", "a b"),
            ("\u0627\u0031\u0628", "\u0627\u0031\u0628"),
            ("\u0627a\u0628", None),
            ("a\u0627", None),
            ("\ue000", None),
            ("\ud800", None),
            ("\u202e", None),
            ("\ufdfa" * 341, None),
            ("x" * 1024, "x" * 1024),
            ("x" * 1025, None),
            ("\u00e9" * 513, None),
        ],
    )
    def test_prepares(self, text: str, form: str | None) -> None:
        assert prepared(text) == form
        assert prepared(text, stored=True) == form

    def test_what_unicode_3_2_does_not_assign_is_not_stored(self) -> None:
        assert prepared("\U0001f600") == "\U0001f600"
        assert prepared("\U0001f600", stored=True) is None

    @given(st.text(max_size=50))
    def test_as_scramp_does(self, text: str) -> None:
        from scramp.utils import saslprep

        try:
            expected = saslprep(text) or None
        except scramp.ScramException:
            expected = None
        assert prepared(text, stored=True) == expected

    @given(st.text(max_size=50))
    def test_twice_is_once(self, text: str) -> None:
        form = prepared(text)
        assert form is None or prepared(form) == form
