"""Reads objects of a source over REST: pages of JSON rows as text cells."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flit_pipeline.errors import AccessRefused
from flit_pipeline.sources.base import BrokenRow, Page, RawRow
from flit_pipeline.sources.headers import HeaderIndex
from flit_pipeline.sources.http_auth import Credentials
from flit_pipeline.sources.http_session import Session
from flit_pipeline.sources.json_text import Number, cell_of, is_unstorable, write_json
from flit_pipeline.sources.links import total_of, value_at
from flit_pipeline.sources.numbers import comma_fields, with_comma
from flit_pipeline.sources.paging import walk
from flit_pipeline.sources.rest_http import JsonGetter, Reply
from flit_pipeline.specs.source_spec import Rest, SourceSpec


class RestReader:
    """SourceReader over HTTP. ``wait`` sleeps between tries; one request gives up after ``max_wait`` seconds.

    ``token``, ``user`` and ``password``: those that the spec's ``auth`` needs. Raises AccessRefused where one of them
    or ``base_url`` cannot be used, SpecError where two fields share a header.
    """

    def __init__(
        self,
        spec: SourceSpec,
        *,
        base_url: str,
        token: str = "",
        user: str = "",
        password: str = "",
        wait: Callable[[float], None] = time.sleep,
        timeout: float = 30.0,
        max_wait: float = 300.0,
    ) -> None:
        self._spec = spec
        self._keys = {
            name: _KeyMap(HeaderIndex(name, source), comma_fields(spec, source))
            for name, source in spec.objects.items()
            if source.rest is not None
        }
        credentials = Credentials(token, user, password)
        session = Session(spec, base_url, credentials, wait=wait, timeout=timeout, max_wait=max_wait)
        self._base, self._http = session.base, JsonGetter(session)

    def stable_paging(self, object_name: str) -> bool:
        """True for cursors and links; numbered pages shift when rows come or go."""
        return self._rest(object_name).paging != "page"

    def supports_since(self, object_name: str) -> bool:
        """True where the object has a watermark."""
        self._rest(object_name)
        return self._spec.objects[object_name].modified is not None

    def lists_keys(self, object_name: str) -> bool:
        """True where the spec names the parameters of such a listing."""
        return bool(self._rest(object_name).keys)

    def keys(self, object_name: str) -> Iterator[Page]:
        """Pages of the listing of keys; of whole rows where the spec names none."""
        return self._walked(object_name, None, self._rest(object_name).keys)

    def clock(self) -> datetime:
        """The source's time from ``spec.clock``, else from the Date header of its first collection."""
        reading = f"{self._spec.system}: reading the clock"
        if self._spec.clock is None:
            rest = self._rest(next(iter(self._keys), ""))
            reply = self._http.get(rest.path, _one_row(rest), reading=reading, resumes="the clock")
            if reply.date is None:
                raise AccessRefused(f"{reading}: no valid Date header", remedy="name a `clock` path in the source spec")
            return reply.date
        reply = self._http.get(self._spec.clock, {}, reading=reading, resumes="the clock")
        now = reply.payload.get("now") if isinstance(reply.payload, dict) else None
        moment = self._moment(now)
        if moment is None:
            raise self._http.wrong_shape(reading, self._spec.clock, "an ISO time under 'now'")
        return moment

    def _moment(self, text: Any) -> datetime | None:
        """An ISO time as UTC (without a zone: the locale's), None for anything else."""
        if not isinstance(text, str):
            return None
        try:
            moment = datetime.fromisoformat(text)
            zone = ZoneInfo(self._spec.locale.zone)
        except (ValueError, ZoneInfoNotFoundError):
            return None
        return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)

    def count(self, object_name: str) -> int | None:
        """The total the collection tells beside a page of one row."""
        rest = self._rest(object_name)
        reading = f"{self._spec.system}: counting {object_name}"
        reply = self._http.get(rest.path, _one_row(rest), reading=reading, resumes="the count")
        return total_of(self._body(reply, rest, reading)[0], rest)

    def pages(self, object_name: str, *, resume: str | None = None, since: datetime | None = None) -> Iterator[Page]:
        """Pages in the source's order; ``since`` (aware) is left out where the object has no watermark."""
        if since is not None and since.tzinfo is None:
            raise ValueError("since must carry a zone")
        window = {}
        if since is not None and self.supports_since(object_name):
            window = {self._rest(object_name).since: since.astimezone(UTC).isoformat().replace("+00:00", "Z")}
        return self._walked(object_name, resume, window)

    def _walked(self, object_name: str, resume: str | None, narrowed: Mapping[str, str]) -> Iterator[Page]:
        """Pages of a collection; ``narrowed``: parameters beside those of the paging."""
        rest = self._rest(object_name)
        reading = f"{self._spec.system}: reading {object_name}"
        steps = walk(rest, resume, reading, self._base)
        keys = self._keys[object_name]
        while True:
            here, target = steps.here, steps.target
            params = {**steps.params(), **({} if target else narrowed)}  # a link brings the window with it
            reply = self._http.get(rest.path, params, reading=f"{reading}, {here}", resumes=here, target=target)
            body, found = self._body(reply, rest, f"{reading}, {here}")
            rows, broken, unknown = keys.cells(found, here, f"{reading}, {here}", risky=reply.risky)
            token = steps.advance(body, found, reply.links)
            yield Page(rows, broken, token, total_of(body, rest), unknown)
            if token is None:
                return

    def close(self) -> None:
        self._http.close()

    def _rest(self, object_name: str) -> Rest:
        source = self._spec.objects.get(object_name)
        if source is None or source.rest is None:
            raise AccessRefused(
                f"{self._spec.system}: object {object_name!r} cannot be read over REST",
                remedy="objects with a `rest` block: " + ", ".join(self._keys),
            )
        return source.rest

    def _body(self, reply: Reply, rest: Rest, reading: str) -> tuple[dict[str, Any], list[Any]]:
        """What stands around the rows, and the rows. With links in a header the body may be the rows alone."""
        payload = reply.payload
        if rest.paging == "link" and isinstance(payload, list):
            return {}, payload
        rows = value_at(payload, rest.rows)[1] if isinstance(payload, dict) else None
        if not isinstance(rows, list):
            ending = f", {rest.next!r}" if rest.paging == "cursor" else ""
            raise self._http.wrong_shape(
                reading, rest.path, f"an object with a list under {rest.rows!r}, beside it {rest.total!r}{ending}"
            )
        return payload, rows


class _KeyMap:
    """JSON keys of one object to fields; each set of keys is matched once."""

    def __init__(self, index: HeaderIndex, commas: frozenset[str] = frozenset()) -> None:
        """``commas``: decimal fields of a locale that writes commas; a JSON number there has a point all the same."""
        self._index, self._key_at, self._commas = index, index.fields.index(index.key), commas
        self._known: dict[tuple[str, ...], tuple[tuple[tuple[str, str | None], ...], tuple[str, ...]]] = {}

    def cells(
        self, found: list[Any], here: str, reading: str, *, risky: bool
    ) -> tuple[list[RawRow], list[BrokenRow], tuple[str, ...]]:
        """Rows, broken rows and unknown keys of a page. Raises AccessRefused where no row at all names the key."""
        rows: list[RawRow] = []
        broken: list[BrokenRow] = []
        unknown: dict[str, None] = {}
        keyed = False
        for ordinal, value in enumerate(found, start=1):
            place = f"{here} row {ordinal}"
            if not isinstance(value, dict):
                broken.append(_broken(place, value, "not_an_object", "the source must send JSON objects as rows"))
                continue
            pairs, strange = self._match(value, reading)
            unknown.update(dict.fromkeys(strange))
            keyed = keyed or pairs[self._key_at][1] is not None
            row = {field: None if key is None else cell_of(value[key]) for field, key in pairs}
            for field, key in pairs:
                if field in self._commas and key is not None and isinstance(value[key], Number):
                    row[field] = with_comma(str(value[key]))
            if risky and any(is_unstorable(cell) for cell in row.values()):
                broken.append(
                    _broken(place, value, "unstorable_character", "take the NUL or half character out in the source")
                )
            else:
                rows.append(row)
        if found and not keyed:
            raise AccessRefused(
                f"{reading}: no row has a key for field {self._index.key!r}",
                remedy="keys it may go by: " + ", ".join(self._index.accepted(self._index.key)),
            )
        return rows, broken, tuple(unknown)

    def _match(self, row: dict[str, Any], reading: str) -> tuple[tuple[tuple[str, str | None], ...], tuple[str, ...]]:
        keys = tuple(row)
        known = self._known.get(keys)
        if known is None:
            binding = self._index.bind(keys, where=reading)
            pairs = tuple(
                (field, keys[binding.positions[field]] if field in binding.positions else None)
                for field in self._index.fields
            )
            unnamed = tuple(f"key {at + 1}, which has no name" for at in binding.unnamed)
            known = self._known[keys] = (pairs, binding.unknown + unnamed)
        return known


def _broken(place: str, value: Any, rule: str, remedy: str) -> BrokenRow:
    return BrokenRow(place, write_json(value, ascii_only=True), rule, remedy)


def _one_row(rest: Rest) -> dict[str, str]:
    return {"page": "1", "page_size": "1"} if rest.paging == "page" else {"limit": "1"}
