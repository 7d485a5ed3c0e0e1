"""Writing mapped records to a destination: intents, fenced calls, verdicts, bisection, deferral.

What belongs here: which records to write, in which batches, what to do when a call fails. What does not: protocols
(destinations/), proof (verification/).
"""
