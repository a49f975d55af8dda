"""REST serving of promoted models."""
