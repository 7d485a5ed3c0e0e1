"""Reports: what was counted and proved, written for people and programs. No values, unless a person asked.

What belongs here: rendering. What does not: computing (verification/, pipeline/profile).
"""
