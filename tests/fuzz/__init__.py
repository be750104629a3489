"""Programs that look for inputs that break something, guided by what runs: `make fuzz`."""
