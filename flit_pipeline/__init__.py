"""flit_pipeline: moves a dental practice into a CRM and proves it."""
