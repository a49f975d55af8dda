"""Drift of features and score against the training profile, and the quality that labels reveal."""
