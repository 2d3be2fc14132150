"""What becomes of a proposal: caps, holdouts, quiet hours, reach; the one decision, and what is published of it."""
