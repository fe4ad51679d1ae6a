"""Long tests, each one command: see README.md here. The suite runs a sample of each."""
