"""Trainmaster: the whole life of a model in one terminal."""

__version__ = "0.1.0"
