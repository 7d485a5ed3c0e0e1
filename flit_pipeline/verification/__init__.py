"""Proof: identities, counts from independent ends, and (next) read-back of cells. Never writes to a destination.

What belongs here: comparing what should be with what is. What does not: repairing it (the loader does, from a list).
"""
