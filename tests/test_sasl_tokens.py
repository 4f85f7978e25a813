"""OAUTHBEARER and XOAUTH2: their grammar, their errors, and whose token it is."""

from __future__ import annotations

import json

import pytest
from lonedot import Identity, Reply

from tests.exchanges import (
    INVALID,
    TOKEN,
    UNCHECKED,
    Known,
    Only,
    bearer,
    exchange,
    is_malformed,
    last,
    outcomes,
    xoauth2,
)


class TestBearer:
    def test_the_examples_of_rfc_7628(self) -> None:
        # §4.1, and §4.3: no token, an error, a dummy response, a failure.
        name = "user@example.com"
        right = f"n,a={name},\x01host=server.example.com\x01port=143\x01auth=Bearer {TOKEN}\x01\x01".encode()
        credentials = Known(check_token=True)
        assert last("OAUTHBEARER", right, credentials=credentials) == Identity(name, "OAUTHBEARER", name)
        assert credentials.calls == [("check_token", name, TOKEN)]
        none = f"n,a={name},\x01host=server.example.com\x01port=143\x01auth=\x01\x01".encode()
        credentials = Known(check_token=True)
        error, end = outcomes(exchange("OAUTHBEARER", credentials), none, b"\x01")
        assert isinstance(error, bytes) and json.loads(error)["status"] == "invalid_token"
        assert end == INVALID
        assert credentials.calls == []

    def test_the_error_of_xoauth2(self) -> None:
        error, end = outcomes(exchange("XOAUTH2"), xoauth2(token="wrong"), b"")
        assert isinstance(error, bytes) and json.loads(error) == {"status": "401", "schemes": "bearer"}
        assert end == INVALID

    def test_a_refusal_that_may_pass_is_told_at_once(self) -> None:
        for said in UNCHECKED, Reply(454, "4.7.0", "Later"):
            assert outcomes(exchange("XOAUTH2", Known(check_token=said)), xoauth2()) == [said]

    def test_what_the_client_says_of_the_error_does_not_matter(self) -> None:
        for dummy in b"", b"\x01", b"anything":
            assert outcomes(exchange("OAUTHBEARER"), bearer(token="wrong"), dummy)[-1] == INVALID

    def test_the_scheme_in_any_case(self) -> None:
        assert isinstance(last("XOAUTH2", xoauth2().replace(b"Bearer", b"bEARER")), Identity)

    def test_a_name_is_unescaped(self) -> None:
        credentials = Known(check_token=True)
        assert last("OAUTHBEARER", bearer("a=2Cb=3Dc"), credentials=credentials) == Identity(
            "a,b=c", "OAUTHBEARER", "a,b=c"
        )

    def test_without_a_name_the_token_has_to_have_one(self, caplog: pytest.LogCaptureFixture) -> None:
        nameless = f"n,,\x01auth=Bearer {TOKEN}\x01\x01".encode()
        named = Known(check_token="ann")
        assert last("OAUTHBEARER", nameless, credentials=named) == Identity("ann", "OAUTHBEARER", "ann")
        assert named.calls == [("check_token", "", TOKEN)]
        assert last("OAUTHBEARER", nameless, credentials=Known(check_token=True)) == UNCHECKED
        assert "check_token gave" in caplog.text

    def test_a_token_of_another_needs_leave(self) -> None:
        team = bearer("team@example.org")
        outcome = last("OAUTHBEARER", team, credentials=Known(check_token="ann"))
        assert outcome == Identity("ann", "OAUTHBEARER", "team@example.org")
        stranger = Only(check_token=lambda *_: "ann")
        outcome = last("OAUTHBEARER", team, credentials=stranger)
        assert isinstance(outcome, Reply) and outcome.code == 535

    def test_channel_binding_is_refused(self) -> None:
        outcome = last("OAUTHBEARER", b"p=tls-unique,,\x01auth=Bearer x\x01\x01")
        assert isinstance(outcome, Reply) and (outcome.code, outcome.enhanced) == (535, "5.7.8")

    @pytest.mark.parametrize(
        "response",
        [
            b"",
            b"\x01",
            b"n,,",
            b"n,,\x01\x01",
            b"n,a=,\x01auth=Bearer x\x01\x01",
            b"x,,\x01auth=Bearer x\x01\x01",
            b"n,a=a=,\x01auth=Bearer x\x01\x01",
            b"n,a=b,c,\x01auth=Bearer x\x01\x01",
            b"n,a=b\x01auth=Bearer x\x01\x01",
            b"n,a=b,\x01auth=Bearer x\x01",
            b"n,a=b,\x01auth=Basic x\x01\x01",
            b"n,a=b,\x01auth=Bearer\x01\x01",
            b"n,a=b,\x01auth=Bearer x y\x01\x01",
            b"n,a=b,\x01auth=Bearer x\x01auth=Bearer y\x01\x01",
            b"n,a=b,\x01host\x01auth=Bearer x\x01\x01",
            b"n,a=b,\x01auth=Bearer x\x01\x01\x01",
            b"n,a=\xff,\x01auth=Bearer x\x01\x01",
            b"n,a=b,\x01host=\xff\x01auth=Bearer x\x01\x01",
            b"n,b,\x01auth=\x01\x01",
            b"n,a=" + b"b" * 1025 + b",\x01auth=Bearer x\x01\x01",
        ],
    )
    def test_malformed(self, response: bytes) -> None:
        credentials = Known(check_token=True)
        assert is_malformed(last("OAUTHBEARER", response, credentials=credentials))
        assert credentials.calls == []

    @pytest.mark.parametrize(
        "response",
        [
            b"",
            b"user=\x01auth=Bearer x\x01\x01",
            b"user=a",
            b"user=a\x01auth=Bearer x\x01",
            b"a\x01auth=Bearer x\x01\x01",
            b"user=a\x01auth=x\x01\x01",
            b"user=a\x01\x01",
            b"user=\xff\x01auth=Bearer x\x01\x01",
        ],
    )
    def test_malformed_xoauth2(self, response: bytes) -> None:
        credentials = Known(check_token=True)
        assert is_malformed(last("XOAUTH2", response, credentials=credentials))
        assert credentials.calls == []
