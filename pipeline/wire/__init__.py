"""Bytes to structs and back: Avro on the public topics, JSON for people."""
