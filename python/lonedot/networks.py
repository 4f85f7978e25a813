"""Networks that clients come from: addresses by their first bits, and "unix" for this machine's Unix sockets.

Takes texts such as "192.0.2.0/24", "2001:db8::/32", "127.0.0.1" and "unix", each with a value; gives the value of the
longest that a peer is in. IPv4 addresses mapped into IPv6 (::ffff:192.0.2.1) are IPv4 addresses, in peers and in
networks; the zone of a peer (fe80::1%eth0) is left out. Nothing is looked up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from lonedot.connection import Peer

UNIX = "unix"

_V = TypeVar("_V")
# An IP version and how many bits are compared.
_Length = tuple[int, int]


class Networks(Generic[_V]):
    """A value, never None, for each network. `find` gives that of the network a peer is in; `peer in networks` tells
    whether there is one. False without networks.

    Raises ValueError for a text that is no network and for a network that stands there twice.
    """

    __slots__ = ("_tables", "_unix")

    def __init__(self, networks: Mapping[str, _V]) -> None:
        self._unix: list[_V] = []
        tables: dict[_Length, dict[int, _V]] = {}
        for text, value in networks.items():
            if text == UNIX:
                self._unix.append(value)
                continue
            network = _network(text)
            size = network.max_prefixlen - network.prefixlen
            table = tables.setdefault((network.version, size), {})
            if table.setdefault(int(network.network_address) >> size, value) is not value:
                raise ValueError(f"network {text!r} stands twice, in different words; leave one out")
        # The longest first: fewest bits are shifted out.
        self._tables = sorted(tables.items(), key=lambda item: item[0])

    @classmethod
    def of(cls, networks: Iterable[str], value: _V) -> Self:
        """All of them with one value."""
        return cls(dict.fromkeys(networks, value))

    def find(self, peer: Peer | None) -> _V | None:
        """The value of the longest network that `peer` is in; None where it is in none. A peer of None came over a Unix
        socket."""
        if peer is None:
            return self._unix[0] if self._unix else None
        if not self._tables:
            return None
        try:
            address = _mapped(ipaddress.ip_address(peer.host.partition("%")[0]))
        except ValueError:
            return None  # the transport gave no address
        version, bits = address.version, int(address)
        for (of, size), table in self._tables:
            if of == version:
                value = table.get(bits >> size)
                if value is not None:
                    return value
        return None

    def __contains__(self, peer: Peer | None) -> bool:
        return self.find(peer) is not None

    def __bool__(self) -> bool:
        return bool(self._tables or self._unix)


def checked(networks: object, name: str) -> tuple[str, ...]:
    """The networks of the setting of that name, as a tuple. Raises ValueError, with the name, for what is none."""
    if isinstance(networks, (str, bytes)) or not isinstance(networks, Iterable):
        raise ValueError(f'{name} takes networks such as ("192.0.2.0/24", "unix"), not {networks!r}')
    texts = tuple(networks)
    try:
        Networks.of(texts, True)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return texts


def _network(text: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    takes = 'write 192.0.2.0/24, 2001:db8::/32, an address, or "unix"'
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no network; {takes}")
    address, slash, length = text.partition("/")
    if "%" in address:
        raise ValueError(f"network {text!r} has a zone, which networks have not; write {address.partition('%')[0]}")
    # ipaddress takes masks too, and reads 0.0.0.255 as the opposite of what one may mean.
    if slash and not (length.isascii() and length.isdecimal()):
        raise ValueError(f"network {text!r} ends in no number of bits; {takes}")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no network; {takes}") from None
    first = ipaddress.ip_address(address)
    if first != network.network_address:
        raise ValueError(f"network {text!r} has bits behind its first {length}; write {network}, or {address} alone")
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def _mapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Sockets that listen on both families call IPv4 peers ::ffff:192.0.2.1."""
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address
