"""Dialogs: what changes, who is told, how to undo, and the same act as a command; focus on Cancel."""
