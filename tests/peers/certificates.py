"""A certificate authority for one test, and a lonedot that it vouches for."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import trustme
from lonedot import TLS, Config

from tests.peers.peer import directory


@contextlib.contextmanager
def certified(config: Config) -> Iterator[tuple[Config, Path]]:
    """The configuration with a certificate for `localhost`, and the file of the authority, which any user may read."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    with directory() as place:
        authority.cert_pem.write_to_path(place / "authority.pem")
        certificate.private_key_pem.write_to_path(place / "key.pem")
        for pem in certificate.cert_chain_pems:
            pem.write_to_path(place / "cert.pem", append=True)
        (place / "authority.pem").chmod(0o644)
        tls = TLS(place / "cert.pem", place / "key.pem")
        yield dataclasses.replace(config, tls=tls), place / "authority.pem"
