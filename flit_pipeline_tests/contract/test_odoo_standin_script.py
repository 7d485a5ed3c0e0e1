"""Call scripts: sequences of JSON-2 calls with symbolic ids, run on any server, outcomes in a comparable form.

A script names what one call made (``as_="p"``) and later calls say ``"$p"`` (the whole list) or ``"$p.0"`` (one id). In
the outcome ids become their symbols, unknown ones ``#1``, ``#2`` … in the order in which they appear; moments that the
server's clock decides are masked. This file holds no test: the pattern of its name only keeps the suite together.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from flit_pipeline.destinations.odoo.client import QUIET

_MOMENT = re.compile(r"^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?$")

_ID_KEY = re.compile(r"(^id|_ids?|_uid)$")
_HEX = re.compile(r"\b[0-9a-f]{32,40}\b")


@dataclass(frozen=True)
class Call:
    """One call. ``as_``: name of the ids it returns; ``status``: what it must be on both servers."""

    model: str
    method: str
    arguments: dict[str, Any]
    as_: str = ""
    status: int = 200
    quote: bool = True
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Script:
    """Calls in their order."""

    name: str
    calls: tuple[Call, ...]


def call(
    model: str, method: str, *, as_: str = "", status: int = 200, quote: bool = True, keep: tuple[str, ...] = (),
    **arguments: Any,
) -> Call:  # fmt: skip
    """One call of a script. ``quote=False``: the text of the refusal is not compared; ``keep``: keys never masked."""
    return Call(model, method, arguments, as_, status, quote, keep)


def script(name: str, *calls: Call) -> Script:
    """A script of these calls."""
    return Script(name, calls)


def create(model: str, *vals: Mapping[str, Any], as_: str = "", status: int = 200, **more: Any) -> Call:
    """``create`` of some records."""
    return call(model, "create", vals_list=list(vals), as_=as_, status=status, **more)


def read(model: str, ids: Any, *fields: str, **more: Any) -> Call:
    """``read`` with many2one as plain ids."""
    return call(model, "read", ids=ids, fields=list(fields), load=None, **more)


def search(model: str, *domain: Any, as_: str = "", **more: Any) -> Call:
    """``search`` in the order of the ids, unless ``order`` says otherwise."""
    return call(model, "search", domain=list(domain), as_=as_, **{"order": "id", **more})


def find(model: str, as_: str, *domain: Any, **more: Any) -> Call:
    """One record of the installation, named for later calls."""
    return search(model, *domain, as_=as_, limit=1, **more)


def write(model: str, ids: Any, status: int = 200, quote: bool = True, **vals: Any) -> Call:
    """``write`` of these values."""
    return call(model, "write", ids=ids, vals=vals, status=status, quote=quote)


def unlink(model: str, ids: Any, status: int = 200, quote: bool = True) -> Call:
    """``unlink``."""
    return call(model, "unlink", ids=ids, status=status, quote=quote)


Symbols = dict[tuple[str, int], str]
"""(model, id) -> the name a script gave it."""


@dataclass
class Target:
    """A server. ``relations`` keeps what its fields point at: an id means something only with its model."""

    url: str
    database: str
    api_key: str
    http: httpx.Client = field(init=False)
    relations: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"bearer {self.api_key}", "X-Odoo-Database": self.database}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=130, verify=False)

    def close(self) -> None:
        """Close the connection."""
        self.http.close()

    def run(self, one: Script) -> list[dict[str, Any]]:
        """Outcomes of the script's calls, comparable between servers."""
        self.relations.clear()
        names: dict[str, list[int]] = {}
        symbols: Symbols = {}
        return [self._outcome(one_call, names, symbols, n) for n, one_call in enumerate(one.calls)]

    def relation(self, model: str, name: str) -> str:
        """Model behind a field, '' where it is none (or none of that name)."""
        if model not in self.relations:
            body = {"attributes": ["relation"]}
            reply = self.http.post(f"/json/2/{model}/fields_get", json=body)
            known = reply.json() if reply.status_code == 200 else {}
            self.relations[model] = {name: fact.get("relation", "") for name, fact in known.items()}
        return self.relations[model].get(name, "")

    def _outcome(self, one: Call, names: dict[str, list[int]], symbols: Symbols, number: int) -> dict[str, Any]:
        try:
            arguments = _filled({"context": QUIET, **one.arguments}, names)
        except (KeyError, IndexError) as missing:
            return {"call": f"{number} {one.model}.{one.method}", "status": 0, "name": "", "message": str(missing)}
        reply = self.http.post(f"/json/2/{one.model}/{one.method}", json=arguments)
        try:
            answer = reply.json()
        except ValueError:
            answer = reply.text[:400]
        outcome = {"call": f"{number} {one.model}.{one.method}", "status": reply.status_code}
        if one.model == "ir.model.fields" or one.model == "ir.model":
            self.relations.clear()
        if reply.status_code == 200:
            if one.as_:
                names[one.as_] = _ids_of(answer)
                symbols |= {(one.model, i): f"${one.as_}.{n}" for n, i in enumerate(names[one.as_])}
            return outcome | {"result": _Symbols(self, symbols, one.keep).of(answer, one)}
        known = answer if isinstance(answer, dict) else {"name": "", "message": answer}
        said = re.sub(r"\d+", "N", str(known["message"])) if one.quote else ""
        return outcome | {"name": known["name"], "message": said}


def _filled(value: Any, names: Mapping[str, Sequence[int]]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, names) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(one, names) for one in value]
    if isinstance(value, str) and re.fullmatch(r"\$[a-z_]+(\.\d+)?", value):
        name, _, place = value[1:].partition(".")
        return names[name][int(place)] if place else list(names[name])
    return value


def _ids_of(answer: Any) -> list[int]:
    if isinstance(answer, list):
        return [one["id"] if isinstance(one, dict) else one for one in answer]
    return [answer] if type(answer) is int else []


class _Symbols:
    """Ids as symbols, the server's own moments masked."""

    def __init__(self, target: Target, symbols: Symbols, keep: Sequence[str]) -> None:
        self._target, self._symbols, self._keep = target, symbols, keep
        self._new: dict[tuple[str, int], str] = {}

    def of(self, value: Any, one: Call) -> Any:
        """The comparable form of a call's result."""
        if one.method in ("search", "create") and isinstance(value, list):
            return [self._symbol(one.model, number) for number in value]
        if isinstance(value, list) and all(isinstance(row, dict) for row in value):
            return [self._row(row, one.model) for row in value]
        return self._plain(value)

    def _row(self, row: dict[str, Any], model: str) -> dict[str, Any]:
        about = row.get("res_model") or row.get("model") or ""
        return {name: self._cell(value, name, model, about) for name, value in sorted(row.items())}

    def _cell(self, value: Any, name: str, model: str, about: str) -> Any:
        if name in self._keep:
            return value
        to = model if name == "id" else about if name == "res_id" else self._target.relation(model, name)
        if not to and not _ID_KEY.search(name):
            return self._plain(value)
        if type(value) is int:
            return self._symbol(to, value) if value else value
        if isinstance(value, dict):
            return self._row(value, to)
        if isinstance(value, list) and len(value) == 2 and type(value[0]) is int and isinstance(value[1], str):
            return [self._symbol(to, value[0]), value[1]]
        if isinstance(value, list):
            return [self._row(v, to) if isinstance(v, dict) else self._symbol(to, v) for v in value]
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): self._plain(one) for key, one in sorted(value.items())}
        if isinstance(value, list):
            return [self._plain(one) for one in value]
        if isinstance(value, str):
            return "<now>" if _is_now(value) else _HEX.sub("<hex>", value)
        return value

    def _symbol(self, model: str, number: Any) -> Any:
        if type(number) is not int:
            return number
        known = self._symbols.get((model, number))
        return known or self._new.setdefault((model, number), f"#{len(self._new) + 1}")


def _is_now(text: str) -> bool:
    """A moment within a day of this one: the server's own clock, for scripts write the past and the far future."""
    if not _MOMENT.match(text):
        return False
    distance = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime.now(UTC)
    return abs(distance) < timedelta(days=2)
