"""Fixtures that several files share."""

from __future__ import annotations

import ssl

import hypothesis
import pytest
from lonedot import TLS

from tests.tls_support import NAME, Authority

# How long an example takes on a busy machine is not what any of them tests.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


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
