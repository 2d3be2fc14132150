"""Measured speed: contenders side by side under a validity gate, a ladder of layers, latency, recovery, memory.

Run by `make bench-quick` and `make bench`; `python -m tests.bench --help` tells the rest.
"""
