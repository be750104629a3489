"""Array-library kernels: raw arrays in, raw arrays out; nothing here knows tape or Array."""
