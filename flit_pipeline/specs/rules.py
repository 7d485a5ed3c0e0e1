"""The rules between the lines of a migration: what the grammar alone cannot see.

Each rule is one function that yields problems; the tests hold one bad spec per rule with its exact message. Here
stand the source's rules, those of names, and the list of all.
"""

import re
from collections.abc import Iterator

from flit_pipeline.specs import (
    rules_balances,
    rules_coverage,
    rules_extends,
    rules_lines,
    rules_match,
    rules_quality,
    rules_refs,
    rules_routes,
    rules_sample,
    rules_variants,
)
from flit_pipeline.specs.context import Context, listed
from flit_pipeline.specs.rules_routes import via_problem
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.yaml_text import Document
from flit_pipeline.validation.rules import RULES

__all__ = ["RULES_OF_A_MIGRATION", "Context", "migration_problems", "source_problems"]

NEW_FIELD = re.compile(r"x_[a-z0-9_]+", re.ASCII)
MAX_FIELD_NAME = 63


def source_problems(source: SourceSpec, document: Document) -> list[str]:
    """A source spec's name, the types of its keys, and the checks and transforms it names."""
    problems = []
    stem = document.file.split("/")[-1].removesuffix(".yaml")
    if source.system != stem:
        problems.append(
            document.problem(
                ("system",), f"{source.system!r} stands in a file named {stem!r}; name it {source.system}.yaml"
            )
        )
    for name, thing in source.objects.items():
        if (kind := thing.fields[thing.key].type) != "text":
            text = f"the key is {kind}, must be text: rows are named by it as the source writes it"
            problems.append(document.problem(("objects", name, "fields", thing.key, "type"), text))
        for field, cell in thing.fields.items():
            if cell.check is not None and cell.check not in RULES:
                where = ("objects", name, "fields", field, "check")
                problems.append(document.problem(where, f"{cell.check!r} is not a check; valid: {listed(RULES)}"))
        for field, derived in thing.derived.items():
            if text := via_problem(derived.via, len(derived.from_), source.locale):
                problems.append(document.problem(("objects", name, "derived", field, "via"), text))
    return problems


def migration_problems(context: Context) -> list[str]:
    """All violations of all rules."""
    return [problem for rule in RULES_OF_A_MIGRATION for problem in rule(context)]


def file_is_named_after_its_model(c: Context) -> Iterator[str]:
    """``res.partner.yaml`` holds ``model: res.partner``."""
    for model, document in c.documents.items():
        stem = document.file.split("/")[-1].removesuffix(".yaml")
        if model != stem:
            yield document.problem(("model",), f"{model!r} stands in a file named {stem!r}; name it {model}.yaml")


def new_fields_are_named_rightly(c: Context) -> Iterator[str]:
    """Odoo takes only x_ names of small letters, digits and underscores, at most 63 characters."""
    for model in c.models.values():
        for name in model.creates:
            if not NEW_FIELD.fullmatch(name) or len(name) > MAX_FIELD_NAME or name.startswith("x_flit_"):
                text = "must match x_[a-z0-9_]+, at most 63 characters, not x_flit_…; keep the seed's name as label"
                yield c.documents[model.model].problem(("creates", name), text)


RULES_OF_A_MIGRATION = [
    file_is_named_after_its_model, new_fields_are_named_rightly, rules_routes.rows_are_named,
    rules_routes.columns_exist, rules_routes.transforms_fit, rules_routes.streams_have_one_order, rules_refs.refs_exist,
    rules_refs.models_do_not_wait_for_each_other, rules_refs.owners_are_declared,
    rules_match.matches_fit, rules_quality.gates_name_findings,
    rules_extends.extensions_fit, rules_extends.extensions_name_the_columns_of_refs,
    rules_lines.lines_are_rows_of_the_route, rules_lines.new_models_are_named_rightly,
    rules_variants.options_and_alternatives_exist, rules_variants.refs_hold_in_every_variant,
    rules_variants.columns_are_decided_in_every_variant,
    rules_coverage.every_object_is_decided, rules_coverage.every_column_is_decided, rules_balances.balances_fit,
    rules_sample.the_sample_has_a_route, rules_sample.strata_give_keys_and_values,
    rules_sample.public_values_are_nobodys,
]  # fmt: skip
