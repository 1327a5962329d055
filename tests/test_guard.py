"""Which addresses may be connected to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.guard import is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2001:4860:4860::8888"])
def test_an_address_of_the_public_internet_may_be_connected_to(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
        ),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1"),
    ],
)
def test_loopback_private_link_local_and_reserved_addresses_are_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "form",
    ["::ffff:{}", "::ffff:0:{}", "64:ff9b::{}", "::{}"],
    ids=["mapped", "translated", "nat64", "compatible"],
)
def test_an_ipv4_address_inside_an_ipv6_address_decides(form: str) -> None:
    assert is_public(form.format("8.8.8.8"))
    for private in ("127.0.0.1", "10.1.2.3", "169.254.169.254"):
        assert not is_public(form.format(private))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("2002:0808:0808::1", True),  # 6to4 of 8.8.8.8
        ("2002:7f00:0001::1", False),  # 6to4 of 127.0.0.1
        ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", True),  # Teredo of 8.8.8.8
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", False),  # Teredo of 127.0.0.1
    ],
)
def test_the_client_of_a_tunnel_decides(address: str, allowed: bool) -> None:
    assert is_public(address) == allowed


@pytest.mark.parametrize(
    "text", ["", "localhost", "2130706433", "0x7f.1", "127.1", "8.8.8.8:80", "1.2.3.4.5"]
)
def test_what_is_no_numeric_address_is_refused(text: str) -> None:
    assert not is_public(text)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_as_public_as_what_it_maps(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))
