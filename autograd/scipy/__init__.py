"""SciPy's namespaces, differentiable."""
