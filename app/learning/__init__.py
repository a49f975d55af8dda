"""Learners, splits, evaluation and the model package."""
