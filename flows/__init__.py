"""Prefect flows: order, retries, nothing else."""

from app.domain.processes import import_quickly

import_quickly()
