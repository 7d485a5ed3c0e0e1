"""``python -m flit_pipeline.cli``."""

from flit_pipeline.cli import main

main()
