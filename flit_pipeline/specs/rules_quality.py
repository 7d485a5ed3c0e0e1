"""Rules of ``quality``: a gate that names no finding would stand open for ever."""

from collections.abc import Iterator

from flit_pipeline.specs.context import Context
from flit_pipeline.specs.quality_spec import known_findings


def gates_name_findings(c: Context) -> Iterator[str]:
    """Every gate is a severity, or a finding that the source can have."""
    valid = known_findings(c.source)
    for name in c.file.quality.gate if c.file.quality else ():
        if name not in valid:
            text = f"{name!r} is neither a severity nor a finding; valid: {', '.join(valid)}"
            yield c.head.problem(("quality", "gate", name), text)
