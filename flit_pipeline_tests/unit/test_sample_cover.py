"""The choice of a sample: everything met where that is possible, the rarest first, the same whoever asks."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.pipeline.cover import pick

CARRIERS = st.dictionaries(
    st.text(max_size=4), st.frozensets(st.integers(0, 14), max_size=5).map(sorted), max_size=40
)  # fmt: skip
SIZES = st.tuples(st.integers(0, 12), st.integers(0, 8)).map(lambda both: (both[0], both[0] + both[1]))
"""(size, most)."""


def met(carriers: dict[str, list[int]], keys: list[str]) -> set[int]:
    return {value for key in keys for value in carriers[key]}


@given(CARRIERS, SIZES, st.integers(1, 5))
def test_every_value_is_met_unless_the_most_is_reached(
    carriers: dict[str, list[int]], sizes: tuple[int, int], seed: int
) -> None:
    size, most = sizes
    taken = pick(carriers, size=size, most=most, seed=seed)
    assert len(taken) == len(set(taken)) <= most
    assert len(taken) >= min(size, len(carriers))
    if len(taken) < most:
        assert met(carriers, taken) == met(carriers, list(carriers))


@given(CARRIERS, SIZES, st.integers(1, 5))
def test_each_pick_meets_the_rarest_open_value_and_as_many_others_as_any(
    carriers: dict[str, list[int]], sizes: tuple[int, int], seed: int
) -> None:
    """Else the few that carry a rare value are crowded out by what everybody has."""
    count = Counter(value for values in carriers.values() for value in values)
    open_values = set(count)
    for key in pick(carriers, size=sizes[0], most=sizes[1], seed=seed):
        if not open_values:
            break  # from here on it is drawn
        rarest = min(open_values, key=lambda value: (count[value], value))
        assert rarest in carriers[key]
        gain = len(open_values & set(carriers[key]))
        assert gain == max(len(open_values & set(values)) for values in carriers.values() if rarest in values)
        open_values -= set(carriers[key])


@given(CARRIERS, SIZES, st.randoms())
def test_the_order_in_which_records_come_decides_nothing(
    carriers: dict[str, list[int]], sizes: tuple[int, int], chance: object
) -> None:
    shuffled = list(carriers.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (pick(c, size=sizes[0], most=sizes[1], seed=3) for c in (carriers, dict(shuffled)))
    assert one == other


@given(CARRIERS)
def test_no_more_are_taken_for_the_values_than_there_are_values(carriers: dict[str, list[int]]) -> None:
    assert len(pick(carriers, size=0, most=1000, seed=1)) <= len(met(carriers, list(carriers)))


def test_one_record_that_has_everything_is_enough() -> None:
    carriers = {f"p{n}": [n] for n in range(9)} | {"all": list(range(9))}
    assert pick(carriers, size=1, most=50, seed=1) == ["all"]


def test_another_seed_draws_others() -> None:
    carriers: dict[str, list[int]] = {f"p{n}": [] for n in range(200)}
    draws = [frozenset(pick(carriers, size=20, most=20, seed=seed)) for seed in (1, 2, 3)]
    assert len(set(draws)) == 3
    assert all(len(one & other) < 12 for one in draws for other in draws if one != other)
