"""How many connections each client network has, and whether it may have one more.

Takes a peer when its address is known: at once, or from the header of a trusted proxy. What was let in is counted until
it leaves. A network is the first bits of an address (`Limits.network_prefix_ipv4`, `network_prefix_ipv6`); an IPv4
address that is written as an IPv6 one (RFC 4291 §2.5.5.2) is an IPv4 address.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lonedot.config import Limits
    from lonedot.connection import Peer

# ::ffff:0:0/96.
_MAPPED = bytes(10) + b"\xff\xff"


class Census:
    """The connections of a server by client network. Holds an entry for each network that has any, and no other."""

    __slots__ = ("_counts", "_limit", "_prefix_ipv4", "_prefix_ipv6", "_whole_ipv4")

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.max_connections_per_network
        self._prefix_ipv4 = limits.network_prefix_ipv4
        # Then an IPv4 address is its network, as it stands.
        self._whole_ipv4 = self._prefix_ipv4 == 32
        self._prefix_ipv6 = limits.network_prefix_ipv6
        self._counts: dict[str | bytes, int] = {}

    def enter(self, peer: Peer | None) -> bool:
        """Counts a connection of the peer, unless its network has as many as it may: then False. Who has no address
        cannot be counted, and may enter."""
        if peer is None or self._limit is None:
            return True
        network: str | bytes = peer.host
        if not self._whole_ipv4 or ":" in peer.host:
            network = self._network(peer.host)
        count = self._counts.get(network, 0)
        if count >= self._limit:
            return False
        self._counts[network] = count + 1
        return True

    def leave(self, peer: Peer | None) -> None:
        """A connection that was let in has ended. `peer` is the one it entered with."""
        if peer is None or self._limit is None:
            return
        network: str | bytes = peer.host
        if not self._whole_ipv4 or ":" in peer.host:
            network = self._network(peer.host)
        count = self._counts[network] - 1
        if count:
            self._counts[network] = count
        else:
            del self._counts[network]

    def __len__(self) -> int:
        """Networks that have connections."""
        return len(self._counts)

    def _network(self, host: str) -> str | bytes:
        try:
            return self._bits(host)
        except OSError:
            return host  # the transport gave no address

    def _bits(self, host: str) -> str | bytes:
        if ":" not in host:
            if self._whole_ipv4:
                return host
            return self._masked(socket.inet_aton(host), self._prefix_ipv4)
        # A link-local address has its zone behind it.
        address = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        if address.startswith(_MAPPED):
            return self._bits(socket.inet_ntoa(address[12:]))
        return self._masked(address, self._prefix_ipv6)

    @staticmethod
    def _masked(address: bytes, prefix: int) -> bytes:
        """The first bits of an address; those of IPv4 and of IPv6 differ in length."""
        whole, bits = divmod(prefix, 8)
        if not bits:
            return address[:whole] + bytes(len(address) - whole)
        return address[:whole] + bytes([address[whole] & 0xFF00 >> bits & 0xFF]) + bytes(len(address) - whole - 1)
