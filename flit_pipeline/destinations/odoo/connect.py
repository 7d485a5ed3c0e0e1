"""Which transport: what the variables ask for, and where they leave it open, what the server answers to."""

import time
from collections.abc import Callable

from flit_pipeline.destinations.odoo import json2, xmlrpc
from flit_pipeline.destinations.odoo.client import OdooClient
from flit_pipeline.destinations.odoo.transport import READ_TIMEOUT, Line
from flit_pipeline.errors import AccessRefused, OutcomeUnknown

JSON2, XMLRPC = "json2", "xmlrpc"


def connected(
    url: str, database: str, *, api_key: str = "", user: str = "", password: str = "", transport: str = "",
    wait: Callable[[float], None] = time.sleep,
) -> OdooClient:  # fmt: skip
    """A client by JSON-2 with ``api_key``, or by XML-RPC as ``user`` with ``password`` (else the key in its place).

    ``transport``: json2 or xmlrpc; left open, the key is for JSON-2 where no user is given; with both, the server's
    version decides. Raises AccessRefused when no Odoo answers that question, DestinationUnavailable when nothing does.
    """
    if transport == XMLRPC or (not transport and user and not (api_key and speaks_json2(url))):
        return OdooClient(url, database, password or api_key, user=user, wait=wait)
    return OdooClient(url, database, api_key, wait=wait)


def speaks_json2(url: str) -> bool:
    """Whether the server is new enough for JSON-2. Older ones do not know the address that is asked first."""
    line = Line(url, timeout=READ_TIMEOUT)
    try:
        version = json2.version_in(line.get(json2.VERSION, "its version"))
        if version is None:
            version = xmlrpc.version_in(line.post(xmlrpc.COMMON, xmlrpc.VERSION_CALL, "text/xml", "its version"))
    except OutcomeUnknown:
        version = None
    finally:
        line.close()
    if version is None:
        raise AccessRefused(
            "Odoo was asked for its version and did not answer as Odoo does",
            remedy="check FLIT_ODOO_URL: scheme, host and port of the server, without a path",
        )
    return major(version) >= json2.Json2.oldest


def major(version: str) -> int:
    """19 of ``19.0`` and of ``saas~19.2``; 0 where there is no number."""
    return int("".join(c for c in version.split(".")[0] if c.isdigit()) or 0)
