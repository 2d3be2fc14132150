"""The rules that were applied, one after the other, on a topic of their own: what lets them change without a restart.

`log.py` says what a record means, `applying.py` writes one, `following.py` keeps a worker's rule book up to date.
"""
