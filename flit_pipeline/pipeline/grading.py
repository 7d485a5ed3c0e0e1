"""How hard a migration is and how long it takes, by stated rules over what was counted.

Factors, 0 to 2 points each, as the seed names them:

    object compatibility     0: 8 of 10 rows or more map 1:1; 1: half of them; 2: fewer
    field mapping clarity    0: every column is listed; 1: up to 20 unknown ones; 2: more
    API constraints          0: its maker documents the API for everybody (api_reference of the source); 1: nobody does;
                             2: some object comes from exports
    data volume              0: up to 100,000 records; 1: up to 2,000,000; 2: more, which is scoped individually

Sum 0: A Simple; 1 to 3: B Standard; 4 or 5: C Complex; above: D. The seed's timeline complexity is no factor, it is the
result: 2, 3, 5 or 7 days by grade, one more for each full 250,000 records, and two to spare.
"""

from dataclasses import dataclass

MOST_RECORDS = 2_000_000
INDIVIDUALLY = "scope individually"
GRADES = {"A": ("Simple", 2), "B": ("Standard", 3), "C": ("Complex", 5), "D": ("Very complex", 7)}


@dataclass(frozen=True)
class Grade:
    """``points`` by factor; ``estimate``: business days in words, or that it is scoped individually."""

    grade: str
    name: str
    points: dict[str, int]
    estimate: str


def grade(mapped: int, rows: int, unknown: int, exports: int, records: int, documented: bool = False) -> Grade:
    """``mapped`` 1:1 of the seed's ``rows``; unknown columns; objects read from exports; records counted.

    ``documented``: whether the API of the source is, for everybody.
    """
    share = mapped / rows if rows else 1.0
    points = {
        "object compatibility": 0 if share >= 0.8 else 1 if share >= 0.5 else 2,
        "field mapping clarity": 0 if unknown == 0 else 1 if unknown <= 20 else 2,
        "API constraints": 2 if exports else 0 if documented else 1,
        "data volume": 0 if records <= 100_000 else 1 if records <= MOST_RECORDS else 2,
    }
    total = sum(points.values())
    letter = "A" if total == 0 else "B" if total <= 3 else "C" if total <= 5 else "D"
    name, days = GRADES[letter]
    days += records // 250_000
    estimate = INDIVIDUALLY if records > MOST_RECORDS else f"{days}–{days + 2} business days"
    return Grade(letter, name, points, estimate)
