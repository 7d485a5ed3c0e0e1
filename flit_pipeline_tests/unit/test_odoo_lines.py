"""Child records by their key: what an update sends, and when two lists of lines are the same."""

from typing import Any

from flit_pipeline.destinations.odoo.lines import changes, compared
from flit_pipeline.destinations.odoo.names import KEY
from flit_pipeline.destinations.odoo.values import canonical

TYPES = {"name": "char", "price_unit": "float", "tax_ids": "many2many"}


def told(name: str, value: Any) -> Any:
    return canonical(TYPES[name], value)


def wanted(key: str, name: str, price: float) -> list[Any]:
    return [0, 0, {"name": name, "price_unit": price, "tax_ids": [[6, 0, []]], KEY: key}]


def there(number: int, key: str | bool, name: str, price: float) -> dict[str, Any]:
    return {"id": number, "name": name, "price_unit": price, "tax_ids": [], KEY: key}


def test_lines_that_are_equal_are_left_alone() -> None:
    assert changes([wanted("a", "Crown", 10.0)], [there(7, "a", "Crown", 10.0)], told) == []
    assert compared([wanted("a", "Crown", 10.0)], told) == compared([there(7, "a", "Crown", 10.0)], told)


def test_each_line_is_found_by_its_key_whatever_its_place() -> None:
    """A line that is made anew loses what hangs on it."""
    now = [there(7, "a", "Crown", 10.0), there(8, "b", "Filling", 5.0), there(9, "c", "X-ray", 2.0)]
    new = [wanted("d", "Visit", 1.0), wanted("c", "X-ray", 2.0), wanted("a", "Crown", 12.5)]
    assert changes(new, now, told) == [[2, 8], wanted("d", "Visit", 1.0), [1, 7, {"price_unit": 12.5}]]


def test_a_line_that_a_person_added_is_seen_and_never_deleted() -> None:
    now = [there(7, "a", "Crown", 10.0), there(8, False, "Discount", -1.0)]
    assert compared(now, told) != compared([wanted("a", "Crown", 10.0)], told)
    assert changes([wanted("a", "Crown", 11.0)], now, told) == [[1, 7, {"price_unit": 11.0}]]


def test_lines_can_be_put_back_as_they_were_read() -> None:
    """What an update found is what a rollback restores."""
    before = [there(7, "a", "Crown", 10.0)]
    assert changes(before, [there(7, "a", "Crown", 12.0)], told) == [[1, 7, {"price_unit": 10.0}]]


def test_no_lines_at_all() -> None:
    assert compared(False, told) == compared([], told) == {}
    assert changes([], [there(7, "a", "Crown", 10.0)], told) == [[2, 7]]
