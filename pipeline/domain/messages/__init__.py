"""The messages actors send each other, a module per inbox, the effects an actor may ask for, and the keys of shards."""
