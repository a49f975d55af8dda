"""Prefect flows: order, retries, nothing else."""
