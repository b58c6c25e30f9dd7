"""People, bodies and files that exist nowhere, for tests and benchmarks."""
