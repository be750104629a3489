"""Tools that look at networks."""
