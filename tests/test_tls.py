"""`TLS` says what is wrong with its files; `TlsInfo`, the validity of certificates, the name in a ClientHello."""

from __future__ import annotations

import datetime
import logging
import ssl
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from lonedot import TLS, TlsInfo
from lonedot.certificate import validity
from lonedot.client_hello import server_name

from tests.tls_support import Authority, ClientTls

DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


class TestFiles:
    def test_one_file_or_two(self, authority: Authority, tmp_path: Path) -> None:
        both = authority.write(tmp_path / "both.pem")
        issued = authority.issue_cert("mx.example")
        issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
        issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
        for tls in (TLS(both), TLS(str(tmp_path / "cert.pem"), tmp_path / "key.pem")):
            assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
            assert tls.context.options & ssl.OP_NO_RENEGOTIATION
            assert tls.context.options & ssl.OP_NO_COMPRESSION
            assert tls.context.verify_mode == ssl.CERT_NONE
        newer = TLS(both, minimum_version="TLSv1.3").context
        assert newer.minimum_version == ssl.TLSVersion.TLSv1_3

    def test_a_file_that_is_not_there(self, authority: Authority, tmp_path: Path) -> None:
        there = authority.write(tmp_path / "there.pem")
        missing = tmp_path / "missing.pem"
        for arguments in ({"cert": missing}, {"cert": there, "key": missing}, {"cert": there, "client_ca": missing}):
            with pytest.raises(FileNotFoundError, match=r"missing\.pem"):
                TLS(**cast(Any, arguments))
        with pytest.raises(IsADirectoryError, match=str(tmp_path)):
            TLS(tmp_path)

    def test_a_key_of_another(self, authority: Authority, tmp_path: Path) -> None:
        one, other = (authority.write(tmp_path / f"{name}.pem") for name in ("one", "other"))
        with pytest.raises(ValueError, match=rf"the key in {other} does not belong to the certificate in {one}"):
            TLS(one, other)
        rsa = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("mx.example")
        rsa.private_key_pem.write_to_path(str(tmp_path / "rsa.pem"))
        with pytest.raises(ValueError, match=r"rsa\.pem does not belong to the certificate"):
            TLS(one, tmp_path / "rsa.pem")

    @pytest.mark.parametrize(
        ("which", "text", "says"),
        [
            ("cert", "", "holds no certificate in PEM"),
            (
                "cert",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "no certificate that can be used",
            ),
            ("key", "nothing", "holds no private key in PEM"),
            (
                "key",
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "no private key that can be used",
            ),
            ("client_ca", "nothing", "holds no certificate in PEM"),
            ("client_ca", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "that can be used"),
        ],
    )
    def test_a_file_of_something_else(
        self, which: str, text: str, says: str, authority: Authority, tmp_path: Path
    ) -> None:
        there, wrong = authority.write(tmp_path / "there.pem"), tmp_path / "wrong.pem"
        wrong.write_text(text)
        with pytest.raises(ValueError, match=rf"^{wrong} .*{says}"):
            TLS(**cast(Any, {"cert": there, "key": there, which: wrong}))

    def test_a_certificate_without_a_key(self, authority: Authority, tmp_path: Path) -> None:
        authority.issue_cert("mx.example").cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
        with pytest.raises(ValueError, match=r"cert\.pem holds no private key .* give the file that does as key"):
            TLS(tmp_path / "cert.pem")

    def test_a_password(self, authority: Authority, tmp_path: Path) -> None:
        """Nobody is asked at the terminal."""
        from cryptography.hazmat.primitives import serialization

        issued = authority.issue_cert("mx.example")
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        encrypted = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        (tmp_path / "key.pem").write_bytes(encrypted)
        issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
        TLS(tmp_path / "cert.pem", tmp_path / "key.pem", password="secret")
        with pytest.raises(ValueError, match=r"key\.pem is encrypted; give its password"):
            TLS(tmp_path / "cert.pem", tmp_path / "key.pem")
        with pytest.raises(ValueError, match=r"key\.pem .* another password opens it") as refused:
            TLS(tmp_path / "cert.pem", tmp_path / "key.pem", password="wr0ng")
        assert "wr0ng" not in str(refused.value)

    @pytest.mark.parametrize(
        ("begins", "ends", "says"),
        [(-3 * DAY, -DAY, "has expired on"), (DAY, 3 * DAY, "is not valid before"), (-DAY, DAY, None)],
    )
    def test_a_certificate_that_is_not_valid_now(
        self,
        begins: datetime.timedelta,
        ends: datetime.timedelta,
        says: str | None,
        authority: Authority,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        issued = authority.issue_cert("mx.example", not_before=now() + begins, not_after=now() + ends)
        issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "mx.pem"))
        TLS(tmp_path / "mx.pem")
        if says is None:
            assert caplog.records == []
        else:
            (record,) = caplog.records
            assert record.levelno == logging.WARNING
            assert (
                f"{tmp_path / 'mx.pem'} {says} {now() + (ends if 'expired' in says else begins):%Y-%m-%d}"
                in record.getMessage()
            )


class TestArguments:
    def test_that_do_not_go_together(self, authority: Authority, tmp_path: Path) -> None:
        mx, context = authority.write(tmp_path / "mx.pem"), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert TLS(context=context).context is context
        for wrong in (
            {},
            {"cert": mx, "context": context},
            {"key": mx, "context": context},
            {"minimum_version": "TLSv1.3", "context": context},
            {"context": "mx.pem"},
        ):
            with pytest.raises(TypeError, match="TLS"):
                TLS(**cast(Any, wrong))

    def test_that_are_wrong(self, authority: Authority, tmp_path: Path) -> None:
        mx = authority.write(tmp_path / "mx.pem")
        for wrong, says in (
            ({"minimum_version": "TLSv1.1"}, "RFC 8996"),
            ({"client_certificate": "yes"}, "'request' or 'require'"),
            ({"client_certificate": "require"}, "client_ca"),
        ):
            with pytest.raises(ValueError, match=says):
                TLS(mx, **cast(Any, wrong))
        with pytest.raises(ValueError, match="PROTOCOL_TLS_SERVER"):
            TLS(context=ssl.create_default_context())


def test_a_subject_is_written_as_rfc_4514_says() -> None:
    subject = ((("organizationName", 'a, "b"\\ \n'),), (("commonName", "#x"), ("emailAddress", "a@b ")))
    info = TlsInfo("TLSv1.3", "X", 128, client_certificate={"subject": subject})
    assert info.client_subject == 'CN=\\#x+emailAddress=a@b\\ ,O=a\\, \\"b\\"\\\\ \\0A'
    assert TlsInfo("TLSv1.3", "X", 128).client_subject is None
    hash(info)
    with pytest.raises(AttributeError):
        info.bits = 1  # type: ignore[misc]


class TestValidity:
    def der(self, begins: datetime.datetime, ends: datetime.datetime) -> bytes:
        made = Authority().issue_cert("mx.example", not_before=begins, not_after=ends)
        return ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())

    def test_both_forms_of_time(self) -> None:
        """UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5)."""
        for year in (1950, 1999, 2000, 2049, 2050, 2999):
            begins = datetime.datetime(year, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)
            assert validity(self.der(begins, begins + DAY)) == (begins, begins + DAY)

    def test_what_is_no_certificate_has_none(self) -> None:
        der = self.der(now(), now() + DAY)
        for length in range(200):
            assert validity(der[:length]) in ((None, None), validity(der))

    @given(st.binary(max_size=200))
    def test_any_octets(self, octets: bytes) -> None:
        validity(octets)
        validity(b"\x30\x82\x01\x00\x30\x80" + octets)


class TestServerName:
    def hello(self, name: str) -> bytes:
        return ClientTls(ssl.create_default_context(), name).shake()[0]

    def test_the_name(self) -> None:
        assert server_name(self.hello("mx.example")) == "mx.example"
        assert server_name(self.hello("xn--mx-bja.example")) == "xn--mx-bja.example"
        assert server_name(self.hello("192.0.2.1")) is None  # an address is no name, and not sent as one

    def test_in_pieces(self) -> None:
        """Records may end anywhere in the message."""
        record = self.hello("mx.example")
        message = record[5:]
        for at in range(1, len(message)):
            pieces = (message[:at], message[at:])
            records = b"".join(record[:3] + len(piece).to_bytes(2) + piece for piece in pieces)
            assert server_name(records) == "mx.example"

    def test_cut_short(self) -> None:
        record = self.hello("mx.example")
        where = record.index(b"mx.example") + len("mx.example")
        for length in range(len(record)):
            assert server_name(record[:length]) == ("mx.example" if length >= where else None)

    @pytest.mark.parametrize("name", [b"mx.ex\x00mple", b"mx.ex\xe9mple", b"mx.\r\nmple", b"mx exmple"])
    def test_a_name_that_is_none(self, name: bytes) -> None:
        assert server_name(self.hello("mx.example").replace(b"mx.example", name.ljust(10, b" "))) is None

    @given(st.binary(max_size=300))
    def test_any_octets(self, octets: bytes) -> None:
        server_name(octets)
        server_name(b"\x16\x03\x01" + len(octets).to_bytes(2) + octets)
        server_name(b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03" + octets)
