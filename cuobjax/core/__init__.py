"""Variables, modules, and scopes, which say what value a variable has where it is read."""
