"""What Dagster loads: the definitions of every migration below the folder of mapping specs."""

from flit_pipeline.orchestration.build import build_definitions
from flit_pipeline.settings import Settings
from flit_pipeline.wiring import Wiring

defs = build_definitions(Wiring(Settings.read()))
