"""Property tests by mutation: the suite runs a sample (tests/cli/test_mutations.py), `make torture` all of them."""
