"""Every primitive, declared once with its rules."""
