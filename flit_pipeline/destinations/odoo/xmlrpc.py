"""XML-RPC, the transport of Odoo 14 to 19: login and password (or API key), one POST per call, never a second one.

``xmlrpc.client`` sends a call again when the connection drops, so only its marshaller is used. Two traps of this
protocol are dealt with here: an answer that cannot be marshalled fails after the call was committed, and old versions
know the first arguments of common methods under other names, so these go by place.
"""

import re
import xmlrpc.client
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from flit_pipeline.destinations.odoo import refusals, xml
from flit_pipeline.destinations.odoo.transport import READ_TIMEOUT, Line, date_of
from flit_pipeline.errors import AccessRefused, DestinationRefused, OutcomeUnknown

COMMON, OBJECT = "/xmlrpc/2/common", "/xmlrpc/2/object"
BY_PLACE = {
    "create": "vals_list",
    "write": "vals",
    "search": "domain",
    "search_count": "domain",
    "search_read": "domain",
    "default_get": "fields",
}
"""Method -> its first argument. In Odoo 14 the domain is called ``args``, and a model's own ``create`` as it likes."""

_APPLICATION, _WARNING, _DENIED, _RIGHTS = 1, 2, 3, 4
_MARSHALLER = re.compile(r'^  File ".*xmlrpc/client\.py", line \d+, in (?:dumps|__dump|dump_\w+)$', re.MULTILINE)
_NO_ANSWER = ("cannot marshal", "dictionary key must be string", "int exceeds XML-RPC limits")
_GONE = "Record does not exist or has been deleted"
_DATABASE_LOST = frozenset(
    {"OperationalError", "InterfaceError", "PoolError", "CannotConnectNow", "TooManyConnections"}
)
"""The server had no connection to its database: whether a call had begun before, it does not say."""

# fmt: off
_EXCEPTIONS = _DATABASE_LOST | {
    "ArithmeticError", "AssertionError", "AttributeError", "Exception", "IndexError", "KeyError", "LookupError",
    "MemoryError", "NameError", "NotImplementedError", "OverflowError", "RecursionError", "RuntimeError", "TypeError",
    "UnicodeDecodeError", "UnicodeEncodeError", "ValueError", "ZeroDivisionError", "ParserError", "XMLSyntaxError",
    "UserError", "ValidationError", "AccessError", "MissingError", "CacheMiss", "ParseError", "QWebException",
    "AdminShutdown", "CrashShutdown", "DeadlockDetected", "IdleInTransactionSessionTimeout", "LockNotAvailable",
    "QueryCanceled", "ReadOnlySqlTransaction", "SerializationFailure", "ConcurrencyError", "DataError", "DatabaseError",
    "CheckViolation", "DatetimeFieldOverflow", "ExclusionViolation", "ForeignKeyViolation", "InFailedSqlTransaction",
    "IntegrityError", "InternalError", "InvalidDatetimeFormat", "InvalidTextRepresentation", "NotNullViolation",
    "NumericValueOutOfRange", "ProgrammingError", "StringDataRightTruncation", "SyntaxError", "UndefinedColumn",
    "UndefinedTable", "UniqueViolation", "UntranslatableCharacter", "CharacterNotInRepertoire", "Error",
}
# fmt: on
"""Classes of exceptions that are told. A traceback is text, and a value in it may look like the name of a class."""

_LAST_LINE = re.compile(r"^(?:\w+\.)*(\w+)(?::|$)", re.MULTILINE)


class XmlRpc:
    """A database, a login, and its password or an API key of it. The login is asked for before the first call."""

    oldest = 14

    def __init__(self, url: str, database: str, user: str, secret: str, *, timeout: float = READ_TIMEOUT) -> None:
        self._database, self._user, self._secret = database, user, secret
        self._uid: int | None = None
        self._answered = False
        self._line = Line(url, timeout=timeout)

    def ready(self) -> None:
        """Log in, once for this connection. Raises AccessRefused when it is refused, OutcomeUnknown, as ``call``."""
        if self._uid is not None:
            return
        what = "the login"
        uid = self._asked(COMMON, "authenticate", (self._database, self._user, self._secret, {}), what, False)
        if isinstance(uid, bool) or not isinstance(uid, int):
            raise self._denied(what)
        self._uid, self._answered = uid, True

    def version(self) -> str:
        """The server's version. Raises AccessRefused when something else answers."""
        found = version_in(self._line.post(COMMON, VERSION_CALL, "text/xml", "its version"))
        if found is None:
            raise AccessRefused(
                "Odoo was asked for its version and did not answer as Odoo does",
                remedy="check FLIT_ODOO_URL: scheme, host and port of the server, without a path",
            )
        return found

    def clock(self) -> datetime:
        """The server's time."""
        return date_of(self._line.post(COMMON, VERSION_CALL, "text/xml", "its time"))

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def call(
        self, model: str, method: str, ids: Sequence[int] | None, arguments: Mapping[str, Any], *, writes: bool
    ) -> Any:
        """One call; see Transport. ``search_read`` with ``load``, which only newer versions know, is two."""
        if method == "search_read" and "load" in arguments:
            reading = {name: value for name, value in arguments.items() if name in ("fields", "load", "context")}
            rest = {name: value for name, value in arguments.items() if name not in ("fields", "load")}
            found = self.call(model, "search", None, rest, writes=False)
            return self.call(model, "read", found, reading, writes=False) if found else []
        what = f"{model}.{method}"
        named = dict(arguments)
        places: list[Any] = [] if ids is None else [list(ids)]
        if BY_PLACE.get(method) in named:
            places.append(named.pop(BY_PLACE[method]))
        parameters = (self._database, self._uid, self._secret, model, method, places, named)
        return self._asked(OBJECT, "execute_kw", parameters, what, writes)

    def _asked(self, path: str, service: str, parameters: tuple[Any, ...], what: str, writes: bool) -> Any:
        try:
            content = xml.request(service, parameters)
        except xml.Unsendable as error:
            if path == COMMON:
                raise self._denied(what) from None
            raise refusals.unsendable(what, "XML-RPC", error.why) from None
        reply = self._line.post(path, content, "text/xml", what)
        if reply.status_code == 404:
            raise refusals.no_database(what, self._database)
        if reply.status_code in (413, 429):
            raise refusals.refusal(what, f"HTTP {reply.status_code}", "", f"HTTP {reply.status_code}", ())
        if reply.status_code != 200 or b"methodResponse" not in reply.content:
            raise refusals.stranger(what, reply.status_code, "XML-RPC")
        try:
            answer = xml.answer(reply.content)
        except xmlrpc.client.Fault as fault:
            raise self._refusal(fault, what, parameters, writes) from None
        except xml.Unreadable:
            raise OutcomeUnknown(f"Odoo was called ({what}) and its answer cannot be read") from None
        self._answered = True
        return answer

    def _refusal(self, fault: xmlrpc.client.Fault, what: str, parameters: tuple[Any, ...], writes: bool) -> Exception:
        """Told by code, by the class of the exception and by sentences of Odoo itself, which are English by context."""
        code, text = fault.faultCode, str(fault.faultString)
        model, method = (str(parameters[3]), str(parameters[4])) if len(parameters) > 4 else ("", "")
        if code == _DENIED:
            return self._denied(what)
        if code == _RIGHTS:
            return refusals.refusal(what, "AccessError", text, "fault 4", parameters)
        if code == _WARNING and model and text.startswith(f"Object {model} doesn't exist"):
            return refusals.no_such(what)
        if code == _WARNING:
            name = "MissingError" if text.startswith(_GONE) else "UserError"
            return refusals.refusal(what, name, text, "fault 2", parameters)
        name, message = _exception(text)
        if name in ("TypeError", "OverflowError") and (_MARSHALLER.search(text) or message.startswith(_NO_ANSWER)):
            return _answer_lost(what, writes)
        if name in _DATABASE_LOST and not self._answered:
            return refusals.no_database(what, self._database)
        if name in _DATABASE_LOST:
            return OutcomeUnknown(f"Odoo was called ({what}) and lost its database ({name})")
        if (
            name == "AttributeError"
            and method
            and message.rstrip().endswith(
                (f"has no attribute '{method}'", f"The method '{model}.{method}' does not exist")
            )
        ):
            return refusals.no_such(what)
        return refusals.refusal(what, name, message, f"fault {_APPLICATION}", parameters)

    def _denied(self, what: str) -> AccessRefused:
        return AccessRefused(
            f"Odoo was called ({what}) and refused user or password in the database {self._database!r}",
            remedy="check FLIT_ODOO_DATABASE, FLIT_ODOO_USER and FLIT_ODOO_PASSWORD (an API key where the user logs in"
            f" with a second factor), of {refusals.CREDENTIALS}",
        )


VERSION_CALL = xml.request("version", ())


def version_in(reply: httpx.Response) -> str | None:
    """The version in an answer to VERSION_CALL; None where it is none."""
    try:
        return str(xml.answer(reply.content)["server_version"])
    except (xml.Unreadable, xmlrpc.client.Fault, LookupError, TypeError):
        return None


def _exception(text: str) -> tuple[str, str]:
    """Class and message of the last exception of a traceback, of a class that may be told."""
    found = [match for match in _LAST_LINE.finditer(text) if match.group(1) in _EXCEPTIONS]
    return (found[-1].group(1), text[found[-1].end() :].strip()) if found else ("an exception", "")


def _answer_lost(what: str, writes: bool) -> OutcomeUnknown | DestinationRefused:
    """The server's own marshaller failed, after the call was committed."""
    if writes:
        return OutcomeUnknown(f"Odoo was called ({what}) and could not put its answer into XML")
    return DestinationRefused(
        f"Odoo was asked ({what}) and could not put its answer into XML", rule="unreadable_answer",
        remedy="use JSON-2 (FLIT_ODOO_API_KEY) where the server is Odoo 19 or newer",
    )  # fmt: skip
