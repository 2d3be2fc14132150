"""`omni demo`: a shop or a file played through the whole pipeline, watched from the outside."""
