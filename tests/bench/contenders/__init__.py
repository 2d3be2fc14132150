"""Who competes: our worker, the same slice in stock Faust, and a bare loop in one process."""
