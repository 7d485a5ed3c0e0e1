"""The source spec as the sandbox follows it: paths, paging, headers and types of ``sources/dr_dentes.yaml``."""

from pathlib import Path

from flit_pipeline.specs.grammar import parse
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.yaml_text import read_yaml

SPEC_FILE = Path(__file__).parents[3] / "mapping_specs" / "sources" / "dr_dentes.yaml"


def contract(path: Path = SPEC_FILE) -> SourceSpec:
    """The parsed spec. Raises SpecError where the file is missing or breaks the grammar."""
    return parse(SourceSpec, read_yaml(path))
