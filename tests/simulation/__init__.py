"""The whole installation in memory, disturbed on purpose: the results must not change."""
