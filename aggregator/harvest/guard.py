"""Which addresses may be connected to, asked where the socket is opened."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# The last 32 bits are an IPv4 address: NAT64 (RFC 6052), translated (RFC 2765), compatible (RFC 4291)
_EMBEDDING = tuple(map(ip_network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))


def is_public(host: str) -> bool:
    """Whether a numeric address lies in the public Internet.

    An IPv6 address that embeds an IPv4 address (mapped, 6to4, Teredo, NAT64 and such) is judged by that one.
    """
    try:
        address = ip_address(host.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        embedded = _embedded(address)
        if embedded is not None:
            return is_public(str(embedded))
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
