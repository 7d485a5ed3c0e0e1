"""The drivers of the first half: read the source, validate it, map it. Each leaves its result in staging and ledger.

What belongs here: the order of steps, resuming, who is told what. What does not: how a page is read (sources/), what a
rule means (validation/, mapping/), anything about the destination.
"""
