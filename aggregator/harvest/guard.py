"""Which addresses may be connected to, asked where the socket is opened."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# Python's own list has changed with nearly every release; what it lets pass must pass here too.
# IANA's special-purpose registries (RFC 6890), with multicast and what clouds put apart.
_REFUSED_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT; some clouds' metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host, public as it looks
        "169.254.0.0/16",  # link-local; clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, given up
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# All that is handed out as unicast: not loopback, unique local (fc00::/7), link-local (fe80::/10), site-local
# (fec0::/10), multicast (ff00::/8), local NAT64 (64:ff9b:1::/48), discard (100::/64), segments (5f00::/16)
_UNICAST = IPv6Network("2000::/3")
_REFUSED_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
# The last 32 bits are an IPv4 address: NAT64 (RFC 6052), mapped and compatible (RFC 4291), translated (RFC 2765)
_EMBEDDING = tuple(map(IPv6Network, ("64:ff9b::/96", "::ffff:0:0/96", "::/96", "::ffff:0:0:0/96")))
_TEREDO = IPv6Network("2001::/32")
_6TO4 = IPv6Network("2002::/16")
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_address(host: str) -> bool:
    """Whether it is an address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(host: str) -> bool:
    """Whether a numeric address lies in the public Internet.

    An IPv6 address that embeds an IPv4 address (mapped, 6to4, Teredo, NAT64 and such) is judged by that one.
    """
    try:
        address = ip_address(host.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _REFUSED_4)
    embedded = _embedded(address)
    if embedded is not None:
        return is_public(str(embedded))
    refused = any(address in network for network in _REFUSED_6)
    return address.is_global and address in _UNICAST and not refused and _is_no_tunnel_home(address)


def _is_no_tunnel_home(address: IPv6Address) -> bool:
    """ISATAP (RFC 5214 §6.1): under any prefix, the end of the address may be an IPv4 host of the prefix's site."""
    bits = int(address)
    return (bits >> 32) & 0xFFFFFFFF not in _ISATAP or is_public(str(_last(bits)))


def _embedded(address: IPv6Address) -> IPv4Address | None:
    bits = int(address)
    if any(address in network for network in _EMBEDDING):
        return _last(bits)
    if address in _6TO4:  # RFC 3056 §2: after the prefix
        return _last(bits >> 80)
    if address in _TEREDO:  # RFC 4380 §4: the client's, with each bit turned
        return _last(~bits)
    return None


def _last(bits: int) -> IPv4Address:
    return IPv4Address(bits & 0xFFFFFFFF)
