"""Transforms: modules that differentiate, record, vectorize or parallelize calls; modules as functions of values."""
