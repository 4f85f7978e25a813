"""What a Domain is (RFC 5321 §4.1.2), for the names a server gives itself and for trace fields."""

from __future__ import annotations

import re

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,255}}\Z){_LABEL}(?:\.{_LABEL})*")


def is_domain(name: str) -> bool:
    """Whether name is a Domain, of at most 255 octets (RFC 5321 §4.5.3.1.2), its labels of at most 63 (RFC 1035)."""
    return _DOMAIN.fullmatch(name) is not None
