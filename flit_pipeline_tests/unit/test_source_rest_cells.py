"""RestReader makes rows of JSON: cells exactly as written, unknown keys told, broken rows apart; the source's clock."""

from datetime import UTC, datetime, timedelta

import pytest

from flit_pipeline.errors import AccessRefused
from flit_pipeline_tests.unit.rest_server import CANARY, ROWS, Answer, Server, ids, numbered, reader_for, spec_of


def test_cells_are_text_exactly_as_written(server: Server) -> None:
    body = (
        b'{"data": [{"id": 1, "name": "\\u015e", "fee": 1.50}, {"id": "007", "name": true, "fee": 1E+2},'
        b' {"id": 123456789012345678901234567890, "name": {"a": [1.0, "x", null, false]}, "fee": null},'
        b' {"id": "", "fee": -0.0}], "total": 4}'
    )
    server.reply = lambda path, query: Answer(body)
    rows = next(reader_for(server).pages("patient")).rows
    assert [(row["patient_id"], row["name"], row["fee"]) for row in rows] == [
        ("1", "Ş", "1.50"),
        ("007", "true", "1E+2"),
        ("123456789012345678901234567890", '{"a":[1.0,"x",null,false]}', None),
        ("", None, "-0.0"),
    ]
    assert {type(cell) for row in rows for cell in row.values()} == {str, type(None)}
    assert all(list(row) == ["patient_id", "name", "fee", "updated_at"] for row in rows)


def test_a_json_number_keeps_its_point_where_the_locale_writes_commas(server: Server) -> None:
    """12.375 is read as 12375 otherwise: in Turkish text the point groups thousands."""
    spec = spec_of()
    comma = spec.model_copy(update={"locale": spec.locale.model_copy(update={"decimal": "comma"})})
    fee = comma.objects["patient"].fields["fee"].model_copy(update={"type": "decimal"})
    comma.objects["patient"].fields["fee"] = fee
    server.reply = lambda path, query: Answer(b'{"data": [{"id": 1, "fee": 12.375}, {"id": 2, "fee": "1.500"}]}')
    rows = next(reader_for(server, comma).pages("patient")).rows
    assert [row["fee"] for row in rows] == ["12,375", "1.500"]


def test_unknown_keys_are_told_and_their_values_left_out(server: Server) -> None:
    rows = [{"ID": "1", "adi": "A", "colour": CANARY}, {"patientId": "2", "shoe size": CANARY, "": CANARY}]
    server.reply = numbered(rows)
    page = next(reader_for(server).pages("patient"))
    assert page.unknown_columns == ("colour", "shoe size", "key 3, which has no name")
    assert ids([page]) == ["1", "2"]
    assert CANARY not in str(page.rows)


def test_two_keys_for_one_field_are_refused_with_both_names(server: Server) -> None:
    server.reply = numbered([{"id": CANARY, "patient_id": CANARY}])
    with pytest.raises(AccessRefused) as caught:
        list(reader_for(server).pages("patient"))
    assert "'id'" in str(caught.value)
    assert "'patient_id'" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_rows_that_are_no_rows_are_broken_and_the_rest_goes_on(server: Server) -> None:
    server.reply = lambda path, query: Answer(
        b'{"data": ["x", {"id": "1"}, {"id": "2", "name": "a\\u0000b"}, {"id": "\\ud800"}], "total": 4}'
    )
    page = next(reader_for(server).pages("patient"))
    assert ids([page]) == ["1"]
    assert [(b.place, b.rule) for b in page.broken] == [
        ("page 1 row 1", "not_an_object"),
        ("page 1 row 3", "unstorable_character"),
        ("page 1 row 4", "unstorable_character"),
    ]
    for broken in page.broken:
        broken.raw.encode()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-21T09:30:00Z", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
        ("2026-11-21T12:30:00+03:00", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
        ("2026-11-21T12:30:00", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
    ],
)
def test_the_clock_is_the_source_s(server: Server, now: str, expected: datetime) -> None:
    server.reply = lambda path, query: Answer({"now": now} if path == "/clock" else None)
    clock = reader_for(server).clock()
    assert clock == expected
    assert clock.utcoffset() == timedelta(0)


def test_the_clock_falls_back_on_the_date_header_and_refuses_nonsense(server: Server) -> None:
    server.reply = numbered(ROWS)
    assert abs(reader_for(server, spec_of(clock=None)).clock() - datetime.now(UTC)) < timedelta(minutes=1)
    server.reply = lambda path, query: Answer({"now": CANARY})
    with pytest.raises(AccessRefused) as caught:
        reader_for(server).clock()
    assert CANARY not in str(caught.value)
