"""The command line: one noun a module."""
