"""The source spec as the sandbox follows it: paths, paging, headers and types of ``sources/dr_dentes.yaml``."""

from pathlib import Path

from flit_pipeline.sandbox.dr_dentes.access import AUTH_HEADER, TOKEN_PATH
from flit_pipeline.specs.grammar import parse
from flit_pipeline.specs.source_spec import AuthKind, Rest, SourceSpec
from flit_pipeline.specs.yaml_text import read_yaml

SPEC_FILE = Path(__file__).parents[3] / "mapping_specs" / "sources" / "dr_dentes.yaml"


def contract(path: Path = SPEC_FILE) -> SourceSpec:
    """The parsed spec. Raises SpecError where the file is missing or breaks the grammar."""
    return parse(SourceSpec, read_yaml(path))


def variant(spec: SourceSpec, *, auth: AuthKind = "bearer", links: bool = False) -> SourceSpec:
    """The spec for a sandbox with this kind of access, and with ``Behaviour.links`` instead of its own paging."""
    objects = spec.objects
    if links:
        objects = {
            name: thing.model_copy(update={"rest": _linked(thing.rest)}) if thing.rest else thing
            for name, thing in spec.objects.items()
        }
    header, path = (AUTH_HEADER if auth == "api_key" else None), (TOKEN_PATH if auth == "oauth2" else None)
    return spec.model_copy(update={"auth": auth, "auth_header": header, "token_path": path, "objects": objects})


def _linked(rest: Rest) -> Rest:
    return rest.model_copy(update={"paging": "link", "next": "links.next"})
