"""TLS as a server is told of it, and what a handshake has settled.

`TLS` is made once, of files or of an `ssl.SSLContext`, and checked as it is made: what is wrong names the file and says
why. `TlsInfo` is made for each connection. Nothing here touches a socket; octets are `tls_stream`'s.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn, Self

from lonedot.certificate import validity

log = logging.getLogger("lonedot.server")

MinimumVersion = Literal["TLSv1.2", "TLSv1.3"]
ClientCertificate = Literal["request", "require"]
Path = str | os.PathLike[str]

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PEM_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")

# RFC 4514 §3.
_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}


class TLS:
    """What a server needs for TLS: a certificate with its chain, its key, and how clients are asked for theirs.

    `cert`: a file in PEM, the server's own certificate first. `key`: its private key in PEM; None: in the same file.
    `password`: what an encrypted key is opened with. `client_ca`: the authorities, in PEM, whose certificates clients
    may show. `client_certificate`: "request" takes clients without one as well, "require" ends their handshake; one
    that does not hold ends it either way. `minimum_version`: "TLSv1.2" or "TLSv1.3".

    Or `context` alone: an `ssl.SSLContext` of the server's side, which is used as it is.

    Raises OSError for a file that cannot be read, ValueError for one that does not hold what it should, TypeError for
    arguments that do not go together. A certificate that is not valid now is a warning in the log: the clock may be
    wrong, and most clients do not look.
    """

    __slots__ = ("context",)

    context: ssl.SSLContext
    """What each handshake is made from."""

    def __init__(
        self,
        cert: Path | None = None,
        key: Path | None = None,
        *,
        password: str | bytes | None = None,
        client_ca: Path | None = None,
        client_certificate: ClientCertificate = "request",
        minimum_version: MinimumVersion = "TLSv1.2",
        context: ssl.SSLContext | None = None,
    ) -> None:
        if (cert is None) == (context is None):
            raise TypeError("TLS takes a certificate or a context, one of the two")
        if context is not None:
            if (key, password, client_ca, client_certificate, minimum_version) != (
                None,
                None,
                None,
                "request",
                "TLSv1.2",
            ):
                raise TypeError("TLS takes a context alone; set in the context what else it shall do")
            self.context = _checked(context)
            return
        assert cert is not None
        if minimum_version not in _VERSIONS:
            raise ValueError(
                f"TLS.minimum_version takes 'TLSv1.2' or 'TLSv1.3', not {minimum_version!r}; "
                "what is older is broken (RFC 8996)"
            )
        if client_certificate not in ("request", "require"):
            raise ValueError(f"TLS.client_certificate takes 'request' or 'require', not {client_certificate!r}")
        if client_certificate == "require" and client_ca is None:
            raise ValueError("TLS.client_certificate='require' takes client_ca as well: whose certificates to believe")
        self.context = made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = _VERSIONS[minimum_version]
        made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        _load(made, os.fspath(cert), os.fspath(cert if key is None else key), password)
        if client_ca is not None:
            _load_authorities(made, os.fspath(client_ca))
            made.verify_mode = ssl.CERT_REQUIRED if client_certificate == "require" else ssl.CERT_OPTIONAL


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """What a handshake has settled."""

    version: str
    """ "TLSv1.2" or "TLSv1.3"."""
    cipher: str
    """The cipher suite, as OpenSSL names it."""
    bits: int
    """Secret bits of the cipher."""
    server_name: str | None = None
    """The name the client wanted to speak to (RFC 6066 §3), in ASCII and otherwise as it came; None: none was given."""
    alpn: str | None = None
    """The protocol agreed on (RFC 7301); only where the context offers one."""
    client_certificate: dict[str, Any] | None = field(default=None, hash=False)
    """The client's verified certificate, as `ssl.SSLSocket.getpeercert` gives it; None: none was shown."""

    @property
    def client_subject(self) -> str | None:
        """The subject of the client's certificate as RFC 4514 writes it, such as `CN=relay.example.org,O=Example`."""
        if self.client_certificate is None:
            return None
        names = self.client_certificate.get("subject", ())
        return ",".join(
            "+".join(f"{_SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in name) for name in reversed(names)
        )

    @classmethod
    def of(cls, tls: ssl.SSLObject, server_name: str | None) -> Self:
        """What was settled with the client at the other end."""
        cipher, _, bits = tls.cipher() or ("", "", 0)
        alpn = tls.selected_alpn_protocol()
        return cls(tls.version() or "", cipher, bits, server_name, alpn, tls.getpeercert() or None)


def _escaped(value: str) -> str:
    r"""RFC 4514 §2.4: `\` before what has a meaning, and the octets in hexadecimal of what is no text."""
    escaped = re.sub(r'([\\",+;<>]|^[ #]| \Z)', r"\\\1", value)
    return re.sub(
        "[\x00-\x1f\x7f-\x9f\u2028\u2029]",
        lambda found: "".join(f"\\{octet:02X}" for octet in found[0].encode()),
        escaped,
    )


def _checked(context: ssl.SSLContext) -> ssl.SSLContext:
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"TLS.context takes an ssl.SSLContext, not {context!r}")
    if context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise ValueError("TLS.context is a client's; make it with ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)")
    return context


def _load(context: ssl.SSLContext, cert: str, key: str, password: str | bytes | None) -> None:
    """Raises OSError or ValueError that names the file."""
    certificates = _PEM_CERTIFICATE.findall(_read(cert))
    if not certificates:
        raise ValueError(f"{cert} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    if not _PEM_KEY.search(_read(key)):
        hint = "; give the file that does as key" if key == cert else ""
        raise ValueError(f"{key} holds no private key in PEM (-----BEGIN PRIVATE KEY-----){hint}")

    def opens() -> str | bytes:
        if password is None:
            raise ValueError(f"{key} is encrypted; give its password, or a key without one")
        return password

    try:
        # With None for the password, OpenSSL would ask at the terminal.
        context.load_cert_chain(cert, key, opens)
    except ssl.SSLError as error:
        _refuse(error, cert, key, password is not None)
    _warn_unless_valid(cert, certificates[0].decode("ascii", "replace"))


def _warn_unless_valid(cert: str, pem: str) -> None:
    begins, ends = validity(ssl.PEM_cert_to_DER_cert(pem))
    now = datetime.now(UTC)
    if ends is not None and ends < now:
        log.warning("the certificate in %s has expired on %s", cert, ends.isoformat(" ", "seconds"))
    elif begins is not None and begins > now:
        log.warning("the certificate in %s is not valid before %s", cert, begins.isoformat(" ", "seconds"))


def _refuse(error: ssl.SSLError, cert: str, key: str, opened: bool) -> NoReturn:
    """OpenSSL does not say in which of the two files the fault is: each is tried alone."""
    if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
        raise ValueError(f"the key in {key} does not belong to the certificate in {cert}") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cert)
    except ssl.SSLError as broken:
        raise ValueError(f"{cert} holds no certificate that can be used: {cause(broken)}") from None
    if error.reason in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
        raise ValueError(f"the certificate in {cert} is too weak: {cause(error)}") from None
    wrong = ", or another password opens it" if opened else ""
    raise ValueError(f"{key} holds no private key that can be used{wrong}: {cause(error)}") from None


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    if not _PEM_CERTIFICATE.search(_read(path)):
        raise ValueError(f"{path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ValueError(f"{path} holds no certificates that can be used: {cause(error)}") from None


def _read(path: str) -> bytes:
    # ssl's own error for a file that is not there does not name it.
    with open(path, "rb") as file:
        return file.read()


def cause(error: ssl.SSLError) -> str:
    """What went wrong, in OpenSSL's words: one short line that holds nothing a peer wrote."""
    return error.reason.lower().replace("_", " ") if error.reason else str(error.strerror or error)
