"""The certificates that servers are checked against, read once."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """What httpx trusts by default. Reading it takes 40 ms, and a run opens some twenty clients."""
    return httpx.create_ssl_context()
