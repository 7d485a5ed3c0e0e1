"""Taking a migration back: what goes, what gets its former values back, what is left because somebody works with it.

    scope      whole migration, newest windows, or one model
    fates      what becomes of each record, and the counts of it
    judge      was it edited since, does anything point at it
    plan       all fates, with what left records need; the dry run ends here
    undoer     batches of deletions and restorations: the machine of the load, backwards
    run        the whole of it, in its order
    proof      everything read back

What belongs here: the decisions and their order. What does not: protocols (destinations/), history (ledger/history.py).
"""
