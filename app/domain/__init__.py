"""Words and rules: no clock, no file, no database."""
