"""Documents that nobody thought of: properties, and a target for a fuzzer."""
