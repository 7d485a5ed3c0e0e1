"""Words shared by the source and the migration grammar: strict models and problems that name file and line."""

import re
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from flit_pipeline.errors import SpecError
from flit_pipeline.specs.yaml_text import Document, Where

MAX_NAME = 40
"""System, object and route stand in every source key, which holds 200 bytes with a hash of 65."""

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_KEY = "[key]"
"""What pydantic puts behind a dictionary's key that is itself wrong."""


class Strict(BaseModel):
    """Frozen, and a key the grammar does not know is an error, never silently dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Broken(ValueError):
    """Rules between the keys of one block that do not hold: each with the key below the block, and the sentence."""

    def __init__(self, found: list[tuple[Where, str]]) -> None:
        super().__init__("; ".join(text for _, text in found))
        self.found = found


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_switch(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError(f"{value!r} is not one of 'true' or 'false'")
    return value == "true" if isinstance(value, str) else value


def _as_count(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch("[1-9][0-9]{0,8}", value, re.ASCII):
        raise ValueError(f"{value!r} is not a whole number from 1")
    return value


def _is_name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > MAX_NAME:
        raise ValueError(
            f"{value!r} is not a name: small letters, digits and underscores, a letter first, at most {MAX_NAME}"
        )
    return value


Columns = Annotated[list[str], BeforeValidator(_as_list)]
"""One column name or a list of them."""

SomeColumns = Annotated[Columns, Field(min_length=1)]
"""The same, and not empty."""

Name = Annotated[str, AfterValidator(_is_name)]
"""A name that enters SQL, keys or the environment: a system, object, column, route or rule."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Text that says something."""

Switch = Annotated[bool, BeforeValidator(_as_switch)]
"""``true`` or ``false``, and no other spelling."""

Count = Annotated[int, BeforeValidator(_as_count)]
"""A whole number from 1."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def parse(model: type[ModelT], document: Document, value: Any = None, at: Where = ()) -> ModelT:
    """Build ``model`` from a document (or the part ``value`` of it that stands at ``at``).

    Raises SpecError with one line per violation: file, line, key, what is wrong and the valid values.
    """
    try:
        return model.model_validate(document.value if value is None else value)
    except ValidationError as error:
        lines = [line for problem in error.errors() for line in _lines(model, document, at, problem)]
        raise SpecError(lines) from None


def _lines(model: type[BaseModel], document: Document, at: Where, problem: Any) -> list[str]:
    where = (*at, *(part for part in problem["loc"] if part != _KEY))
    broken = problem.get("ctx", {}).get("error")
    if isinstance(broken, Broken):
        return [document.problem((*where, *below), text) for below, text in broken.found]
    return [document.problem(where, _sentence(model, problem))]


def _sentence(model: type[BaseModel], problem: Any) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key; valid keys: {', '.join(sorted(_keys(model, problem['loc'][:-1])))}"
    if kind == "missing":
        return "the key is missing"
    if kind == "literal_error":
        return f"{_shown(problem['input'])} is not one of {context['expected']}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "bool_type":
        return f"{_shown(problem['input'])} is not one of 'true' or 'false'"
    if kind == "int_type":
        return f"{_shown(problem['input'])} is not a whole number from 1"
    if kind in ("string_too_short", "too_short"):
        return "must not be empty"
    if kind in _MUST_BE:
        return f"must be {_MUST_BE[kind]}, found {_kind(problem['input'])}"
    return str(problem["msg"])


_MUST_BE = {
    "dict_type": "a block of keys", "model_type": "a block of keys", "list_type": "a list", "string_type": "text",
}  # fmt: skip


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else _kind(value)


def _kind(value: Any) -> str:
    if value == "":
        return "nothing"
    kinds: dict[type, str] = {dict: "a block", list: "a list", str: "text"}
    return kinds.get(type(value), type(value).__name__)


def _keys(annotation: Any, loc: tuple[str | int, ...]) -> set[str]:
    """Valid keys of the model that stands at ``loc`` below what is annotated so."""
    for part in loc:
        annotation = _peeled(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = next(f.annotation for n, f in annotation.model_fields.items() if part == (f.alias or n))
        else:
            annotation = get_args(annotation)[-1]
    return {field.alias or name for name, field in _peeled(annotation).model_fields.items()}


def _peeled(annotation: Any) -> Any:
    """``Annotated[X, ...]`` and ``X | None`` -> X."""
    while get_origin(annotation) in (Annotated, UnionType):
        annotation = get_args(annotation)[0]
    return annotation
