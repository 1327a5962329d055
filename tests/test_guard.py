"""Which addresses may be connected to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.guard import is_public

# Written down apart from the guard's own list, and finer where an organisation's range has parts
NEVER = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/31", "192.0.2.0/24"),
    *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32", "100.100.100.200/32"),
    *("::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001:1::/32", "2001:2::/48"),
    *("2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32"),
    *("3fff::/20", "5f00::/16", "fc00::/7", "fd00:ec2::254/128", "fe80::/10", "fec0::/10", "ff00::/8"),
    *("4000::/2", "8000::/1", "200::/7", "1000::/4"),
)
PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "168.63.129.15", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0"),
    *("192.88.98.255", "192.88.100.0", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *(
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450:4001::1",
        "2001:200::1",
        "2620:fe::fe",
        "3ffe::1",
    ),
)
IPV4 = st.one_of(st.ip_addresses(v=4), *(st.ip_addresses(network=net) for net in NEVER if "." in net))


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_public_internet_may_be_connected_to(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("network", NEVER)
def test_the_ends_of_a_range_that_is_set_apart_are_refused(network: str) -> None:
    addresses = ip_network(network)
    assert not is_public(str(addresses[0]))
    assert not is_public(str(addresses[-1]))


@given(st.one_of(*(st.ip_addresses(network=network) for network in NEVER)))
def test_no_address_that_is_set_apart_is_public(address: object) -> None:
    assert not is_public(str(address))


@pytest.mark.parametrize("network", NEVER)
def test_the_list_does_not_depend_on_that_of_python(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (IPv4Address, IPv6Address):
        monkeypatch.setattr(kind, "is_global", property(lambda _: True))
    assert not is_public(str(ip_network(network)[-1]))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_what_python_takes_for_private_is_refused_too(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (IPv4Address, IPv6Address):
        monkeypatch.setattr(kind, "is_global", property(lambda _: False))
    assert not is_public(address)


@pytest.mark.parametrize(
    "zone", ["fe80::1%eth0", "fe80::1%25eth0", "::1%lo", "ff02::1%eth0", "::ffff:127.0.0.1%1"]
)
def test_a_zone_hides_no_address(zone: str) -> None:
    assert not is_public(zone)


def embeddings(inner: IPv4Address) -> dict[str, str]:
    """The same IPv4 address, in each way in which an IPv6 address can hold one."""
    number = int(inner)
    hexadecimal = f"{number >> 16:x}:{number & 0xFFFF:x}"
    turned = number ^ 0xFFFFFFFF
    return {
        "mapped": f"::ffff:{inner}",
        "mapped, in hexadecimal": f"::ffff:{hexadecimal}",
        "translated": f"::ffff:0:{inner}",
        "NAT64": f"64:ff9b::{inner}",
        "compatible": f"::{inner}",
        "6to4": f"2002:{hexadecimal}::1",
        "Teredo": f"2001:0:4136:e378:8000:63bf:{turned >> 16:x}:{turned & 0xFFFF:x}",
        "ISATAP": f"2606:4700::5efe:{hexadecimal}",
        "ISATAP, global": f"2606:4700::200:5efe:{hexadecimal}",
    }


@given(IPV4)
def test_an_ipv4_address_inside_an_ipv6_address_decides(inner: IPv4Address) -> None:
    allowed = is_public(str(inner))
    assert {name: is_public(form) for name, form in embeddings(inner).items()} == dict.fromkeys(
        embeddings(inner), allowed
    )


@given(st.ip_addresses(v=4))
def test_nothing_behind_a_local_nat64_is_reached(inner: IPv4Address) -> None:
    number = int(inner)
    assert not is_public(f"64:ff9b:1::{inner}")
    assert not is_public(f"64:ff9b:1:{number >> 16:x}:0:{number & 0xFFFF:x}::")


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "8.8.8.8:80", "1.2.3.4.5"),
        *("[::1]", "010.8.8.8", " 8.8.8.8", "8.8.8.8\n", "::ffff:8.8.8.8.8", "２.2.2.2"),
    ],
)
def test_what_is_no_numeric_address_is_refused(text: str) -> None:
    assert not is_public(text)


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert is_public(text) in (True, False)
