"""Words shared by the source and the migration grammar: strict models and problems that name file and line."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from flit_pipeline.errors import SpecError
from flit_pipeline.specs.yaml_text import Document, Where


class Strict(BaseModel):
    """Frozen, and a key the grammar does not know is an error, never silently dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Columns = Annotated[list[str], BeforeValidator(_as_list)]
"""One column name or a list of them."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def parse(model: type[ModelT], document: Document, value: Any = None, at: Where = ()) -> ModelT:
    """Build ``model`` from a document (or the part ``value`` of it that stands at ``at``).

    Raises SpecError with one line per violation: file, line, key, what is wrong and the valid values.
    """
    try:
        return model.model_validate(document.value if value is None else value)
    except ValidationError as error:
        raise SpecError([_sentence(model, document, at, problem) for problem in error.errors()]) from None


def _sentence(model: type[BaseModel], document: Document, at: Where, problem: Any) -> str:
    where = (*at, *(part for part in problem["loc"]))
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = ", ".join(sorted(_keys(model, problem["loc"][:-1])))
        message = "unknown key" + (f"; valid keys: {known}" if known else "")
    elif kind == "missing":
        message = "the key is missing"
    elif kind == "literal_error":
        message = f"{problem['input']!r} is not one of {context['expected']}"
    elif kind == "value_error":
        message = str(context["error"])
    elif kind in ("bool_parsing", "bool_type"):
        message = f"{problem['input']!r} is not one of 'true' or 'false'"
    elif kind in ("int_parsing", "int_type"):
        message = f"{problem['input']!r} is not a whole number"
    elif kind in ("dict_type", "model_type"):
        message = f"must be a block of keys, found {_kind(problem['input'])}"
    elif kind == "list_type":
        message = f"must be a list, found {_kind(problem['input'])}"
    elif kind == "string_type":
        message = f"must be text, found {_kind(problem['input'])}"
    else:
        message = problem["msg"]
    return document.problem(where, message)


def _kind(value: Any) -> str:
    return {dict: "a block", list: "a list", str: "text"}.get(type(value), type(value).__name__)


def _keys(model: Any, loc: tuple[str | int, ...]) -> set[str]:
    """Valid keys of the model that stands at ``loc`` below ``model``."""
    for part in loc:
        model = _below(model, part)
        if model is None:
            return set()
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return set()
    return {field.alias or name for name, field in model.model_fields.items()}


def _below(model: Any, part: str | int) -> Any:
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                return _unwrap(field.annotation)
        return None
    return model.model if isinstance(model, _Each) else None


def _unwrap(annotation: Any) -> Any:
    """``dict[str, Route]`` -> a marker that yields Route for any key; ``X | None`` -> X."""
    arguments = getattr(annotation, "__args__", ())
    models = [a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)]
    if not models:
        return annotation
    if getattr(annotation, "__origin__", None) in (dict, list):
        return _Each(models[0])
    return models[0]


class _Each:
    """Any key below it holds this model."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model
