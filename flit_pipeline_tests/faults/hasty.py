"""The command line with pauses that take no time: ``python -m flit_pipeline_tests.faults.hasty ARGUMENTS``.

A source that is gone for good is asked again for five minutes. Tests see the same tries, and the end of them at once.
"""

import time

if __name__ == "__main__":
    time.sleep = lambda _seconds: None  # before anything takes it as a default

    from flit_pipeline.cli import main

    main()
