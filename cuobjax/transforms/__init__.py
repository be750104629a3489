"""Transforms: modules that differentiate, record, vectorize or parallelize the call of another one."""
