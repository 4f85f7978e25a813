"""What a listener's sessions are told, by where the client is: policies of its network, and whether it is trusted to
speak for others (XCLIENT, XFORWARD). Made once for each listener; a server that treats all alike pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lonedot.networks import Networks

if TYPE_CHECKING:
    from lonedot._core import Settings
    from lonedot.config import Config, Policies
    from lonedot.connection import Peer


class ClientSettings:
    """The settings for each client. `make`: the settings of a listener under these policies (None: everybody's), for
    clients that are trusted or are not. `config`: the server's."""

    __slots__ = ("_everybody", "_networks", "_trusted", "_trusting", "_trusting_networks", "config")

    def __init__(self, config: Config, make: Callable[[Policies | None, bool], Settings]) -> None:
        self.config = config
        self._everybody = make(None, False)
        self._networks = Networks({network: make(of, False) for network, of in config.networks.items()})
        self._trusted = Networks.of(config.trusted_clients, True)
        self._trusting = make(None, True)
        self._trusting_networks = Networks({network: make(of, True) for network, of in config.networks.items()})

    def of(self, peer: Peer | None) -> Settings:
        """Those for a client at `peer`; None is one on a Unix socket."""
        if self._trusted and peer in self._trusted:
            return self._trusting_networks.find(peer) or self._trusting
        return (self._networks and self._networks.find(peer)) or self._everybody
