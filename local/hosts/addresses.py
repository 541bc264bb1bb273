"""Addresses on this machine's loopback network, which is 127.0.0.0/8."""


def address(network: str, block: int, last: int) -> str:
    """`network` has the first three numbers of an address; `block` counts the networks from there on.

    >>> address("127.77.0", 0, 11), address("127.77.0", 2, 250), address("127.77.250", 6, 0)
    ('127.77.0.11', '127.77.2.250', '127.78.0.0')
    """
    first, second, third = map(int, network.split("."))
    second, third = divmod(second * 256 + third + block, 256)
    return f"{first}.{second}.{third}.{last}"
