"""Who may be one customer without sharing an identifier: suggestions for a person to confirm, never carried out.

`people.py` reads the history, `records.py` tidies what customers said of themselves, `model.py` compares them (Splink
on DuckDB: the extra `suggest`), `words.py` says why. README.md has the measured precision and recall.
"""
