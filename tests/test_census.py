"""Connections by client network: which addresses make one network, and what is counted."""

from __future__ import annotations

import pytest
from lonedot import Limits
from lonedot.census import Census
from lonedot.connection import Peer


def census(limit: int | None = 1, ipv4: int = 32, ipv6: int = 64) -> Census:
    return Census(Limits(max_connections_per_network=limit, network_prefix_ipv4=ipv4, network_prefix_ipv6=ipv6))


def same_network(one: str, other: str, **prefixes: int) -> bool:
    """Whether the second finds its network full with the first there; the other way round it must be the same."""
    answers = set()
    for first, second in ((one, other), (other, one)):
        counted = census(**prefixes)
        assert counted.enter(Peer(first, 1))
        answers.add(not counted.enter(Peer(second, 2)))
    assert len(answers) == 1
    return answers.pop()


@pytest.mark.parametrize(
    ("one", "other", "prefixes"),
    [
        ("192.0.2.1", "192.0.2.1", {}),
        ("192.0.2.1", "192.0.2.254", {"ipv4": 24}),
        ("192.0.2.129", "192.0.2.254", {"ipv4": 25}),
        ("10.0.0.1", "127.255.255.255", {"ipv4": 1}),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", {}),
        ("2001:db8::", "2001:db8:0:1::", {"ipv6": 63}),
        ("2001:db8::1", "2001:0db8:0:0:0:0:0:1", {"ipv6": 128}),
        ("::ffff:192.0.2.1", "192.0.2.1", {}),
        ("::ffff:192.0.2.1", "192.0.2.9", {"ipv4": 24}),
        ("fe80::1%lo", "fe80::2", {}),
    ],
)
def test_the_same_network(one: str, other: str, prefixes: dict[str, int]) -> None:
    assert same_network(one, other, **prefixes)


@pytest.mark.parametrize(
    ("one", "other", "prefixes"),
    [
        ("192.0.2.1", "192.0.2.2", {}),
        ("192.0.2.127", "192.0.2.128", {"ipv4": 25}),
        ("10.0.0.1", "128.0.0.1", {"ipv4": 1}),
        ("2001:db8::1", "2001:db8:0:1::1", {}),
        ("2001:db8::1", "2001:db8::2", {"ipv6": 128}),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", {}),
        ("0.0.0.0", "::", {"ipv4": 1, "ipv6": 1}),
    ],
)
def test_different_networks(one: str, other: str, prefixes: dict[str, int]) -> None:
    assert not same_network(one, other, **prefixes)


def test_who_left_makes_room_and_leaves_nothing_behind() -> None:
    counted = census(2)
    peers = [Peer("192.0.2.1", 1), Peer("192.0.2.1", 2)]
    for _ in range(3):
        assert all(map(counted.enter, peers))
        assert not counted.enter(Peer("192.0.2.1", 3))
        counted.leave(peers[0])
        assert counted.enter(Peer("192.0.2.1", 3))
        counted.leave(peers[0])
        counted.leave(peers[1])
        assert len(counted) == 0


@pytest.mark.parametrize("limit", [1, None])
def test_who_has_no_address_is_not_counted(limit: int | None) -> None:
    counted = census(limit)
    assert all(counted.enter(None) for _ in range(10))
    counted.leave(None)
    assert len(counted) == 0


def test_without_a_limit_nothing_is_kept() -> None:
    counted = census(None)
    assert all(counted.enter(Peer("192.0.2.1", 1)) for _ in range(10))
    assert len(counted) == 0
    counted.leave(Peer("192.0.2.1", 1))


def test_what_is_no_address_is_a_network_by_itself() -> None:
    counted = census()
    for host in ("", "::zz", "nowhere"):
        assert counted.enter(Peer(host, 1))
        assert not counted.enter(Peer(host, 2))
        counted.leave(Peer(host, 1))
    assert len(counted) == 0
