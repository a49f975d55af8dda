"""Reference profiles, drift and realised quality."""
