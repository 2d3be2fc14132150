"""Agents: thin shells that hand what Faust brings to the lanes. No business here."""
