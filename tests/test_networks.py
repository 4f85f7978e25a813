"""Networks: what is one, who is in it, which of several counts; and where `Config` takes them."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lonedot import Config, Peer, Policies
from lonedot.networks import Networks

KEEP = Policies(bare_lf="keep")


def holds(network: str, host: str | None) -> bool:
    return (None if host is None else Peer(host, 25)) in Networks.of([network], True)


class TestMembership:
    @pytest.mark.parametrize(
        ("network", "inside", "outside"),
        [
            ("192.0.2.0/24", ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.1", "::ffff:c000:201"], ["192.0.3.0", "::1"]),
            ("192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.2.2", "::192.0.2.1"]),
            ("192.0.2.1/32", ["192.0.2.1"], ["192.0.2.0"]),
            ("0.0.0.0/0", ["255.255.255.255", "::ffff:0:0"], ["::", "::1:0:0:0"]),
            ("2001:db8::/32", ["2001:db8::", "2001:DB8:ffff::1"], ["2001:db9::", "32.1.13.184"]),
            ("2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::1"]),
            ("::1", ["::1", "0:0::0:1"], ["::2", "127.0.0.1", "0.0.0.1"]),
            ("fe80::/10", ["fe80::1%eth0", "fe80::1%1", "febf::1"], ["fec0::1%eth0"]),
            ("::/0", ["::1", "2001:db8::1"], ["192.0.2.1", "::ffff:192.0.2.1"]),
            ("::ffff:192.0.2.0/120", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.3.7"]),
            ("::ffff:0:0/96", ["192.0.2.7"], ["::1"]),
        ],
    )  # fmt: skip
    def test_addresses(self, network: str, inside: list[str], outside: list[str]) -> None:
        assert [host for host in inside if not holds(network, host)] == []
        assert [host for host in outside if holds(network, host)] == []
        assert not holds(network, None)

    def test_unix_sockets(self) -> None:
        assert holds("unix", None)
        assert not holds("unix", "127.0.0.1")

    @pytest.mark.parametrize("host", ["", "unix", "a.example", "%eth0", "1.2.3", "192.0.2.1\0"])
    def test_what_is_no_address_is_in_none(self, host: str) -> None:
        assert not holds("0.0.0.0/0", host)
        assert not holds("::/0", host)

    def test_the_longest_counts(self) -> None:
        order = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::/0", "2001:db8::/32", "unix"]
        for texts in (order, order[::-1]):
            networks = Networks({text: text for text in texts})
            for host, text in {
                "192.0.2.1": "0.0.0.0/0", "10.2.0.1": "10.0.0.0/8", "10.1.2.4": "10.1.0.0/16", "10.1.2.3": "10.1.2.3",
                "2001:db8::1": "2001:db8::/32", "fe80::1": "::/0",
            }.items():  # fmt: skip
                assert networks.find(Peer(host, 1)) == text
            assert networks.find(None) == "unix"

    def test_none_at_all(self) -> None:
        networks: Networks[int] = Networks({})
        assert not networks
        assert networks.find(None) is None
        assert Peer("127.0.0.1", 1) not in networks
        assert Networks.of(["unix"], 1)

    @given(st.ip_addresses(), st.integers(0, 128), st.ip_addresses())
    def test_as_ipaddress_has_it(self, first: Any, length: int, address: Any) -> None:
        network: Any = ipaddress.ip_network((first, min(length, first.max_prefixlen)), strict=False)
        assume(not any(getattr(one, "ipv4_mapped", None) for one in (address, network[0], network[-1])))
        assert holds(str(network), str(address)) == (address in network)
        assert holds(str(network), str(network[-1]))


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("192.0.2.1/24", "bits behind its first 24; write 192.0.2.0/24, or 192.0.2.1 alone"),
            ("2001:db8::1/32", "write 2001:db8::/32, or 2001:db8::1 alone"),
            ("192.0.2.0/33", "is no network"), ("192.0.2", "is no network"), ("192.0.02.0/24", "is no network"),
            ("192.0.2.0/255.255.255.0", "ends in no number of bits"), ("192.0.2.0/", "ends in no number of bits"),
            ("192.0.2.0/-1", "ends in no number of bits"), ("192.0.2.0/24/8", "ends in no number of bits"),
            ("fe80::%eth0/10", "has a zone, which networks have not; write fe80::"), ("", "is no network"),
            ("unix:x", "is no network"), ("localhost", "is no network"), ("Unix", "is no network"),
            (None, "is no network"), (7, "is no network"),
        ],
    )  # fmt: skip
    def test_say_what_to_write(self, text: Any, says: str) -> None:
        with pytest.raises(ValueError, match=r"192\.0\.2|write") as error:
            Networks.of([text], True)
        assert says in str(error.value)
        with pytest.raises(ValueError, match=r"Config.trusted_proxies: "):
            Config(trusted_proxies=(text,))
        with pytest.raises(ValueError, match=r"Config.trusted_clients: "):
            Config(trusted_clients=(text,))
        with pytest.raises(ValueError, match=r"Config.networks: "):
            Config(networks={text: KEEP})

    def test_twice_in_different_words(self) -> None:
        with pytest.raises(ValueError, match="twice"):
            Config(networks={"192.0.2.1": KEEP, "::ffff:192.0.2.1/128": Policies()})

    @pytest.mark.parametrize("wrong", ["192.0.2.0/24", b"unix", 7, None])
    def test_a_text_is_no_list_of_them(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match=r"Config.trusted_proxies takes networks such as"):
            Config(trusted_proxies=wrong)
        with pytest.raises(ValueError, match=r"Config.networks takes a mapping"):
            Config(networks=wrong)

    def test_policies_they_are_given(self) -> None:
        with pytest.raises(ValueError, match=r"Config.networks\['unix'\] takes Policies, not 'strict'"):
            Config(networks={"unix": "strict"})  # type: ignore[dict-item]


class TestConfig:
    def test_is_frozen_whatever_it_was_given(self) -> None:
        networks, proxies = {"192.0.2.0/24": KEEP}, ["unix"]
        config = Config(hostname="mx.example", networks=networks, trusted_proxies=proxies)  # type: ignore[arg-type]
        same = replace(config)
        networks.clear()
        proxies.clear()
        assert dict(config.networks) == {"192.0.2.0/24": KEEP}
        assert config.trusted_proxies == ("unix",)
        assert config == same
        assert hash(config) == hash(same)
        with pytest.raises(TypeError):
            config.networks["unix"] = KEEP  # type: ignore[index]

    def test_one_settings_for_the_same_policies(self) -> None:
        config = Config(hostname="mx.example")
        assert config.settings(policies=KEEP) is config.settings(policies=Policies(bare_lf="keep"))
        assert config.settings(policies=KEEP) is not config.settings()
