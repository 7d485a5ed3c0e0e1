"""Grammar of ``sample`` in migration.yaml: how many records are tried first, and what they should show among them.

What belongs here: the words. What does not: binding the queries (strata.py), choosing (pipeline/cover.py).
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from flit_pipeline.specs.grammar import Broken, Count, Name, Strict, Switch, Text


class Stratum(Strict):
    """One way in which the records differ.

    ``rows``: SQL over source objects and views that gives the key columns of the sampled route and ``value``; an empty
    value is none. ``public``: its values may be shown where no data of patients is (reports in FLIT_HOME, approvals);
    without it they are keyed hashes there.
    """

    rows: Text
    public: Switch = False


def _as_stratum(value: Any) -> Any:
    return {"rows": value} if isinstance(value, str) else value


class Sample(Strict):
    """``route``: whose records are chosen; what they point at and what points at them comes along.

    Every value of every stratum is met by a record, up to ``most`` of them; then drawn by ``seed`` up to ``size``. A
    practice with fewer than ``least`` moves whole.
    """

    route: Name
    size: Count = 100
    least: Count = 50
    most: Count = 200
    seed: Count = 1
    strata: Annotated[dict[Name, Annotated[Stratum, BeforeValidator(_as_stratum)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> "Sample":
        found = []
        if self.size < self.least:
            found.append((("size",), f"{self.size} is less than least: {self.least}"))
        if self.size > self.most:
            found.append((("size",), f"{self.size} is more than most: {self.most}"))
        if found:
            raise Broken([*found])
        return self
