"""Every primitive, declared once with its vjps, its jvp and how it is batched."""
