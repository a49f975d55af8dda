"""This machine: CPU, memory, GPU and disk."""
