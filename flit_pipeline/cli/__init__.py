"""``flit-pipeline``: the command line. Every stage is the Dagster job of the same name; nothing is done only here.

Exit status: 0 only when the thing asked for is true, 1 when it is not, 2 on wrong use. With ``--json`` the last line
of stdout is one object. One file per group of commands; what all of them share stands in ``base``.
"""

from flit_pipeline.cli import approval, audit, matching, proof, stages, stand_ins
from flit_pipeline.cli.base import main

__all__ = ["approval", "audit", "main", "matching", "proof", "stages", "stand_ins"]
