"""SCRAM-SHA-256 against the RFC's example and scramp's own client, and the verifiers it takes."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
import scramp
from lonedot import Identity, Reply
from lonedot.sasl.scram import ScramSha256
from lonedot.sasl.verifier import ITERATIONS, ScramVerifier

from tests.exchanges import (
    INVALID,
    NAME,
    PASSWORD,
    VERIFIER,
    Known,
    connection,
    exchange,
    is_malformed,
    last,
    outcomes,
    through_scram,
)


class TestScram:
    def test_the_example_of_rfc_7677(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # §3. The nonce is the server's to choose; all else follows from it.
        monkeypatch.setattr("scramp.core.token_hex", lambda: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
        verifier = ScramVerifier.parse(
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
            "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        )
        came = outcomes(
            exchange("SCRAM-SHA-256", Known(scram_verifier=verifier)),
            None,
            b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"",
        )
        assert came == [
            b"",
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            Identity("user", "SCRAM-SHA-256", "user"),
        ]

    def test_the_verifier_of_rfc_7677s_password(self) -> None:
        verifier = ScramVerifier.parse(
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
            "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        )
        assert verifier == ScramVerifier.make("pencil", iterations=4096, salt=verifier.salt)
        assert verifier.matches("pencil")
        assert not verifier.matches("Pencil")

    @pytest.mark.parametrize("name", ["ann", "a,b=c", "=2C", "J\u00f6rg"])
    def test_scramps_client_gets_in_and_is_shown_proof(self, name: str) -> None:
        credentials = Known(scram_verifier=VERIFIER)
        assert through_scram(credentials, name)[-1] == Identity(name, "SCRAM-SHA-256", name)
        assert credentials.calls == [("scram_verifier", name)]

    def test_nobodys_salt_is_the_same_each_time_and_anothers_is_not(self) -> None:
        def salt_and_iterations(name: str) -> str:
            (first,) = outcomes(exchange("SCRAM-SHA-256"), f"n,,n={name},r=abc".encode())
            assert isinstance(first, bytes)
            return first.decode().partition(",")[2]

        assert salt_and_iterations("nobody") == salt_and_iterations("nobody")
        assert salt_and_iterations("nobody").endswith(f",i={ITERATIONS}")
        assert salt_and_iterations("nobody") != salt_and_iterations("somebody")
        # As long as a real one's.
        assert len(salt_and_iterations("nobody").split(",")[0]) == len(salt_and_iterations(NAME).split(",")[0])

    def test_says_y_or_n_of_channel_binding(self) -> None:
        for flag, encoded in ("n", "biws"), ("y", "eSws"):
            client = scramp.ScramClient(["SCRAM-SHA-256"], NAME, PASSWORD)
            begun = exchange("SCRAM-SHA-256")
            first = client.get_client_first().replace("n,,", f"{flag},,", 1)
            client.gs2_header.gs2_char = flag
            (challenge,) = outcomes(begun, first.encode())
            assert isinstance(challenge, bytes)
            client.set_server_first(challenge.decode())
            final = client.get_client_final()
            assert f"c={encoded}," in final
            assert isinstance(outcomes(begun, final.encode())[0], bytes)

    def test_channel_binding_that_was_taken_out_on_the_way_fails(self) -> None:
        client = scramp.ScramClient(["SCRAM-SHA-256"], NAME, PASSWORD)
        begun = exchange("SCRAM-SHA-256")
        first = client.get_client_first().replace("n,,", "y,,", 1)
        (challenge,) = outcomes(begun, first.encode())
        assert isinstance(challenge, bytes)
        client.set_server_first(challenge.decode())
        assert outcomes(begun, client.get_client_final().encode()) == [INVALID]

    @pytest.mark.parametrize("first", [b"p=tls-unique,,n=a,r=b", b"p=x,a=b,n=a,r=b", b"n,a=other,n=a,r=b"])
    def test_what_is_not_supported_is_refused(self, first: bytes) -> None:
        credentials = Known()
        outcome = last("SCRAM-SHA-256", first, credentials=credentials)
        assert isinstance(outcome, Reply) and outcome.code == 535
        assert credentials.calls == []

    @pytest.mark.parametrize(
        "first",
        [
            b"",
            b"n",
            b"n,,",
            b"x,,n=a,r=b",
            b"n,,n=a",
            b"n,,r=b",
            b"n,,r=b,n=a",
            b"n,,n=,r=b",
            b"n,,n=a=,r=b",
            b"n,,m=x,n=a,r=b",
            b"n,,n=a,r=",
            b"n,,n=a,r=b\x00",
            b"n,,n=\xff,r=b",
            b"n,,n=" + b"a" * 1025 + b",r=b",
            b"n,,n=a,r=" + b"b" * 4096,
        ],
    )
    def test_malformed_first(self, first: bytes) -> None:
        credentials = Known()
        assert is_malformed(last("SCRAM-SHA-256", first, credentials=credentials))
        assert credentials.calls == []

    @pytest.mark.parametrize("final", [b"", b"c=biws", b"c=!,r=x,p=AAAA", b"r=x,c=biws,p=AAAA", b"\xff"])
    def test_malformed_final(self, final: bytes) -> None:
        assert is_malformed(last("SCRAM-SHA-256", f"n,,n={NAME},r=abc".encode(), final))

    def test_a_nonce_of_the_clients_own_is_refused(self) -> None:
        first = f"n,,n={NAME},r=abc".encode()
        assert is_malformed(last("SCRAM-SHA-256", first, b"c=biws,r=abc,p=" + b64encode(bytes(32))))

    def test_nothing_is_taken_after_the_servers_proof_but_nothing(self) -> None:
        client = scramp.ScramClient(["SCRAM-SHA-256"], NAME, PASSWORD)
        begun = exchange("SCRAM-SHA-256")
        (challenge,) = outcomes(begun, client.get_client_first().encode())
        assert isinstance(challenge, bytes)
        client.set_server_first(challenge.decode())
        proof, end = outcomes(begun, client.get_client_final().encode(), b"more")
        assert isinstance(proof, bytes) and is_malformed(end)

    def test_a_wrong_proof_of_any_length_is_a_wrong_password(self) -> None:
        for name in NAME, "nobody":
            for length in 1, 31, 32, 33, 64:
                begun = exchange("SCRAM-SHA-256")
                (challenge,) = outcomes(begun, f"n,,n={name},r=abc".encode())
                assert isinstance(challenge, bytes)
                nonce = challenge.decode().partition(",")[0]
                final = f"c=biws,{nonce},p={b64encode(bytes(length)).decode()}"
                assert outcomes(begun, final.encode()) == [INVALID]


class TestVerifier:
    def test_parse_gives_what_was_written(self) -> None:
        verifier = ScramVerifier.make("password")
        assert ScramVerifier.parse(verifier.written()) == verifier
        assert verifier.iterations == ITERATIONS and len(verifier.salt) == 16
        assert verifier != ScramVerifier.make("password")

    def test_shows_no_key(self) -> None:
        assert repr(VERIFIER) == "<ScramVerifier of 4096 iterations>" == str(VERIFIER)

    def test_a_decoy_matches_nothing_and_stays(self) -> None:
        decoy = ScramVerifier.decoy("ann", b"secret", 4096)
        assert decoy == ScramVerifier.decoy("ann", b"secret", 4096)
        assert decoy.salt != ScramVerifier.decoy("ann", b"another", 4096).salt
        assert not decoy.matches("ann") and not decoy.matches("")

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("iterations", 4095, "4096 to 10000000"),
            ("iterations", 10_000_001, "4096 to 10000000"),
            ("iterations", "4096", "takes an int, not str"),
            ("salt", b"short", "12 to 256 octets, not 5"),
            ("salt", "x" * 16, "takes bytes, not str"),
            ("stored_key", b"x" * 31, "32 octets, not 31"),
            ("server_key", None, "takes bytes, not NoneType"),
        ],
    )
    def test_refuses_what_no_client_could_use(self, field: str, value: Any, words: str) -> None:
        right: dict[str, Any] = {
            "iterations": 4096,
            "salt": bytes(16),
            "stored_key": bytes(32),
            "server_key": bytes(32),
        }
        with pytest.raises((TypeError, ValueError), match=f"ScramVerifier.{field} takes.*{words}|{words}"):
            ScramVerifier(**{**right, field: value})

    @pytest.mark.parametrize(
        "text", ["", "SCRAM-SHA-1$4096:AAAA$AAAA:AAAA", "SCRAM-SHA-256$4096:AAA$AAAA:AAAA", "x" * 99]
    )
    def test_a_text_that_is_none(self, text: str) -> None:
        with pytest.raises(ValueError) as raised:
            ScramVerifier.parse(text)
        assert not text or text not in str(raised.value)


def test_an_exchange_takes_no_more_once_it_is_over() -> None:
    begun = ScramSha256(Known(), connection())
    assert is_malformed(outcomes(begun, b"")[0])
    with pytest.raises(RuntimeError, match="over"):
        outcomes(begun, b"")
