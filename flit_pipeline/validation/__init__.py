"""From raw text cells to typed rows: parsing by locale, pandera schemas built from the source spec, named rules.

A row that breaks a rule is refused with rule, column and remedy (quarantine); an odd but usable one is a finding.
Pure: data in, data out.
"""
