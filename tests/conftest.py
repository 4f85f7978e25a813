"""Fixtures that several files share."""

from __future__ import annotations

import ssl

import pytest
from lonedot import TLS

from tests.tls_support import NAME, Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Signs certificates."""
    return Authority()


@pytest.fixture(scope="session")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> TLS:
    """The server's."""
    return TLS(authority.write(tmp_path_factory.mktemp("tls") / "mx.pem", NAME, "127.0.0.1"))


@pytest.fixture(scope="session")
def context(authority: Authority) -> ssl.SSLContext:
    """A client's, which trusts the server's."""
    return authority.trusted()
