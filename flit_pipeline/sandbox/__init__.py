"""Local stand-ins of sources and destinations, shipped with the project for demos, tests and rehearsals.

What belongs here: servers on 127.0.0.1, invented practices with known faults and the truth about them. What does not:
anything that moves a record. A stand-in computes its truth by its own means and never imports validation or mapping:
an answer key that shares code with the pupil proves nothing. Imported by the command line and by tests alone.
"""
