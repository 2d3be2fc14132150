"""Channel events in; customers, carts and triggers out."""
