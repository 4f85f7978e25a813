"""`lonedot.Authenticator`: what it offers for which credentials, and what it says to wrong ones."""

from __future__ import annotations

from typing import Any

import pytest
from lonedot import Authenticator, Reply
from lonedot.sasl import scram

from tests.exchanges import MECHANISMS, Known, Only, connection


def yes(*arguments: Any) -> bool:
    return True


def only(*methods: str) -> Any:
    return Only(**dict.fromkeys(methods, yes))


class TestMechanisms:
    @pytest.mark.parametrize(
        ("methods", "offered"),
        [
            (["check_password"], ["PLAIN", "LOGIN"]),
            (["scram_verifier"], ["SCRAM-SHA-256"]),
            (["check_token"], ["OAUTHBEARER", "XOAUTH2"]),
            (["check_token", "check_password", "scram_verifier"], MECHANISMS),
        ],
    )
    def test_are_those_the_credentials_have_the_method_for(self, methods: list[str], offered: list[str]) -> None:
        assert Authenticator(only(*methods)).mechanisms == tuple(offered)

    def test_strongest_first_whatever_was_asked(self) -> None:
        assert Authenticator(Known(), ["LOGIN", "PLAIN", "SCRAM-SHA-256"]).mechanisms == (
            "SCRAM-SHA-256",
            "PLAIN",
            "LOGIN",
        )
        assert Authenticator(Known(), {"PLAIN"}).mechanisms == ("PLAIN",)
        assert Authenticator(Known(), iter(["PLAIN", "PLAIN"])).mechanisms == ("PLAIN",)

    def test_a_method_that_is_none_is_not_there(self) -> None:
        credentials = only("check_password")
        credentials.scram_verifier = None
        assert Authenticator(credentials).mechanisms == ("PLAIN", "LOGIN")

    def test_scram_takes_scramp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scram, "find_spec", lambda name: None)
        assert Authenticator(Known()).mechanisms == tuple(MECHANISMS[1:])
        with pytest.raises(ValueError, match=r"SCRAM-SHA-256 takes the package scramp; pip install lonedot\[scram\]"):
            Authenticator(Known(), ["SCRAM-SHA-256", "PLAIN"])
        with pytest.raises(ValueError, match=r"would be empty: SCRAM-SHA-256 takes pip install lonedot\[scram\]"):
            Authenticator(only("scram_verifier"))

    def test_an_old_scramp_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for version, offered in ("1.4.9", False), ("1.5", True), ("1.10.0", True), ("2.0.0rc1", True):
            monkeypatch.setattr("importlib.metadata.version", lambda name, version=version: version)
            assert ("SCRAM-SHA-256" in Authenticator(Known()).mechanisms) == offered


class TestMisuse:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((Known,), "Known is a class; give Authenticator an object"),
            ((object(),), "object has none of scram_verifier, check_token, check_password"),
            ((Only(check_password="secret"),), "Only.check_password cannot be called"),
            ((Only(check_password=yes, authorize=1),), "Only.authorize cannot be called"),
            ((Known(), "PLAIN"), r"takes a list of names, not 'PLAIN'; write \['PLAIN'\]"),
            ((Known(), None, 1), "Authenticator.required takes True or False, not 1"),
            ((Known(), None, False, "yes"), "Authenticator.dangerously_without_tls takes True or False, not 'yes'"),
        ],
    )
    def test_a_type_that_is_wrong(self, arguments: tuple[Any, ...], words: str) -> None:
        with pytest.raises(TypeError, match=words):
            Authenticator(*arguments)

    @pytest.mark.parametrize(
        ("credentials", "mechanisms", "words"),
        [
            (Known(), ["CRAM-MD5"], "there is no 'CRAM-MD5' here; there are SCRAM-SHA-256, OAUTHBEARER"),
            (Known(), ["plain"], "there is no 'plain' here"),
            (Known(), [None], "there is no None here"),
            (Known(), [], "names nothing; leave auth out of the Config"),
            (Only(check_token=yes), ["PLAIN"], "PLAIN takes check_password, which Only does not have"),
        ],
    )
    def test_a_mechanism_that_cannot_be(self, credentials: Any, mechanisms: Any, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            Authenticator(credentials, mechanisms)

    def test_is_not_changed_once_made(self) -> None:
        auth: Any = Authenticator(Known(), required=True, dangerously_without_tls=True)
        assert (auth.required, auth.dangerously_without_tls) == (True, True)
        for name in "mechanisms", "required", "dangerously_without_tls", "credentials", "another":
            with pytest.raises(AttributeError):
                setattr(auth, name, None)

    def test_its_repr_does_not_show_the_credentials(self) -> None:
        assert repr(Authenticator(Known(), ["PLAIN", "LOGIN"])) == "<Authenticator PLAIN LOGIN>"


class TestExchange:
    @pytest.mark.parametrize("mechanism", MECHANISMS)
    def test_begins_one_in_any_case(self, mechanism: str) -> None:
        auth = Authenticator(Known())
        for name in mechanism, mechanism.lower():
            begun = auth.exchange(name, connection())
            assert not isinstance(begun, Reply)
            assert begun.mechanism == mechanism

    @pytest.mark.parametrize("mechanism", ["CRAM-MD5", "LOGIN", "", "SCRAM-SHA-256-PLUS", "\x00\r\n"])
    def test_another_is_504_and_told_what_there_is(self, mechanism: str) -> None:
        assert Authenticator(Known(), ["PLAIN", "XOAUTH2"]).exchange(mechanism, connection()) == Reply(
            504, "5.5.4", "Unrecognized authentication type; there is XOAUTH2 PLAIN"
        )
