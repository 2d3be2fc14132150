"""Who is this? The identity graph: each identifier's side of it, and the customer's; merges and their undoing."""
