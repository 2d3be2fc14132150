"""The customer: what is known of one, what events change in it, what it wants of products, who follows it."""
