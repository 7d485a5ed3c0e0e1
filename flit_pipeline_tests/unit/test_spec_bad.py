"""Every rule of the spec room refuses its bad spec, with exactly the lines a person needs (bad_specs/*.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flit_pipeline.destinations.odoo import facts, preflight
from flit_pipeline.errors import SpecError
from flit_pipeline.specs import rules
from flit_pipeline.specs.migration import load, names
from flit_pipeline_tests.bad_specs import BASE, MIGRATION, cases, practice_of, spoiled


def problems(specs: Path, name: str) -> list[str]:
    """What ``check`` says of a migration."""
    try:
        migration = load(specs, name, practice_of(specs))
    except SpecError as error:
        return error.problems
    return list(preflight.spec_problems(migration, facts.shipped(migration.models)))


def test_the_base_of_all_bad_specs_is_good() -> None:
    assert names(BASE) == [MIGRATION]
    assert problems(BASE, MIGRATION) == []


@pytest.mark.parametrize("case", cases())
def test_a_bad_spec_is_refused_with_its_exact_lines(case: Mapping[str, Any], tmp_path: Path) -> None:
    found = problems(spoiled(case, tmp_path), case.get("load", MIGRATION))
    assert found == case["says"].splitlines()


@pytest.fixture(scope="module")
def said_by(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """Line of a case that is about rules -> names of the rules that say it."""
    found: dict[str, set[str]] = {}

    def heard(rule: Any) -> Any:
        def asked(context: rules.Context) -> list[str]:
            lines = list(rule(context))
            for line in lines:
                found.setdefault(line, set()).add(rule.__name__)
            return lines

        return asked

    folder = tmp_path_factory.mktemp("heard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "RULES_OF_A_MIGRATION", [heard(rule) for rule in rules.RULES_OF_A_MIGRATION])
        patch.setattr("flit_pipeline.specs.migration.engine_problems", lambda context: [])
        listed = []
        for number, case in enumerate(case.values[0] for case in cases("rules", "match", "quality")):
            said = problems(spoiled(case, folder / str(number)), MIGRATION)
            listed += [line for line in said if line in case["says"].splitlines()]
    return {line: found[line] for line in listed if line in found}


@pytest.mark.parametrize("rule", rules.RULES_OF_A_MIGRATION, ids=lambda rule: rule.__name__)
def test_every_rule_of_a_migration_has_a_case(rule: Any, said_by: Mapping[str, set[str]]) -> None:
    """A line that it alone says: without it the case would come out otherwise."""
    mine = [line for line, names_ in said_by.items() if names_ == {rule.__name__}]
    assert mine, "no case of bad_specs/rules, match or quality would notice if this rule were gone"


def test_every_line_of_every_refusal_names_its_file_and_line() -> None:
    for case in (case.values[0] for case in cases()):
        for line in case["says"].splitlines():
            place, _, rest = line.partition(": ")
            if "load" not in case:
                assert place.count(":") == 1 and place.split(":")[1].isdigit() and rest, line
