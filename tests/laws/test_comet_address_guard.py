"""An IPv6 address that carries an IPv4 address opens nothing that the IPv4 address itself does not."""

import ipaddress
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.sources.comet.server.guard import refused

NOT_PUBLIC = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
    "192.0.0.192/32",
)
NEVER = (
    "0.0.0.0/8",
    "169.254.0.0/16",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
METADATA = ("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")
ANY_64 = st.integers(0, 2**64 - 1)
ANY_IPV4 = st.integers(0, 2**32 - 1).map(IPv4Address)


def within(*networks: str) -> st.SearchStrategy[IPv4Address]:
    return st.sampled_from(networks).flatmap(
        lambda text: st.integers(int(IPv4Network(text)[0]), int(IPv4Network(text)[-1])).map(
            IPv4Address
        )
    )


def after(prefix: str) -> Callable[[IPv4Address, int], IPv6Address]:
    """IPv4 as the last 32 bits of a network."""
    return lambda address, _: IPv6Address(int(IPv6Address(prefix)) | int(address))


def isatap(universal: int) -> Callable[[IPv4Address, int], IPv6Address]:
    return lambda address, other: IPv6Address(
        (0x2001_0DB8 << 32 | other & 0xFFFF_FFFF) << 64
        | universal << 56
        | 0x5EFE << 32
        | int(address)
    )


def sixtofour(address: IPv4Address, other: int) -> IPv6Address:
    made = IPv6Address(0x2002 << 112 | int(address) << 80 | other)
    assert made.sixtofour == address
    return made


def teredo_client(address: IPv4Address, other: int) -> IPv6Address:
    made = IPv6Address(
        0x2001_0000 << 96
        | 0x0808_0808 << 64
        | (other & 0xFFFF_FFFF) << 32
        | int(address) ^ 0xFFFF_FFFF
    )
    assert made.teredo == (IPv4Address("8.8.8.8"), address)
    return made


def teredo_server(address: IPv4Address, other: int) -> IPv6Address:
    made = IPv6Address(
        0x2001_0000 << 96 | int(address) << 64 | (other & 0xFFFF_FFFF) << 32 | 0xF7F7_F7F7
    )
    assert made.teredo == (address, IPv4Address("8.8.8.8"))
    return made


def nat64(prefix: str, length: int) -> Callable[[IPv4Address, int], IPv6Address]:
    """As RFC 6052 2.2 draws it: octet by octet, the ninth is zero."""

    def made(address: IPv4Address, _: int) -> IPv6Address:
        octets = bytearray(IPv6Address(prefix).packed[: length // 8])
        for octet in address.packed:
            if len(octets) == 8:
                octets.append(0)
            octets.append(octet)
        return IPv6Address(bytes(octets.ljust(16, b"\0")))

    return made


LENGTHS = (32, 40, 48, 56, 64, 96)
WRAPPINGS = {
    "compatible": after("::"),
    "translated": after("::ffff:0:0:0"),
    "NAT64": after("64:ff9b::"),
    **{f"NAT64 of a site, /{n}": nat64("64:ff9b:1::", n) for n in LENGTHS if n >= 48},
    "NAT64 of a site, deeper": after("64:ff9b:1:fffe:ab::"),
    "6to4": sixtofour,
    "Teredo client": teredo_client,
    "Teredo server": teredo_server,
    "ISATAP": isatap(0),
    "ISATAP, universal": isatap(2),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@given(address=within(*NOT_PUBLIC), other=ANY_64)
def test_no_wrapping_of_an_address_that_is_not_public_is_let_through(
    wrapping: str, address: IPv4Address, other: int
) -> None:
    made = WRAPPINGS[wrapping](address, other)
    loopback = made == IPv6Address("::1")  # of IPv6 itself, which is allowed
    assert refused(str(made)) is not loopback
    assert refused(f"{made}%eth0") is not loopback


@given(address=within(*NEVER))
def test_a_mapped_address_is_refused_where_the_address_is(address: IPv4Address) -> None:
    assert refused(str(address))
    assert refused(f"::ffff:{address}")
    assert refused(str(after("::ffff:0:0")(address, 0)))


@given(address=ANY_IPV4)
def test_a_mapped_address_is_the_address_itself(address: IPv4Address) -> None:
    assert refused(f"::ffff:{address}") is refused(str(address))


@pytest.mark.parametrize("length", LENGTHS)
@given(
    address=within(*METADATA),
    prefix=st.integers(0x2001_0DB8 << 96, 0x2001_0DB9 << 96)
    | st.integers(0xFD12 << 112, 0xFD13 << 112),
)
def test_metadata_is_refused_behind_every_prefix_that_a_gateway_may_have(
    length: int, address: IPv4Address, prefix: int
) -> None:
    kept = prefix & ~(0xFF << 56)  # RFC 6052: bits 64 to 71 of a prefix are zero
    made = nat64(str(IPv6Address(kept)), length)
    assert refused(str(made(address, 0)))


@given(address=ANY_IPV4.filter(lambda one: one.is_global and not one.is_multicast))
def test_wrapped_public_addresses_stay_reachable(address: IPv4Address) -> None:
    if not refused(str(address)):
        for wrapping in ("translated", "NAT64", "6to4", "ISATAP"):
            assert not refused(str(WRAPPINGS[wrapping](address, 1)))


@given(address=st.integers(0, 2**128 - 1).map(IPv6Address))
def test_every_ipv4_address_that_python_finds_in_one_is_asked_for(address: IPv6Address) -> None:
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(one is not None and refused(str(one)) for one in found):
        assert refused(str(address))
    assert ipaddress.ip_address(str(address)) == address
