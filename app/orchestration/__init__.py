"""The Prefect server, its worker, deployments, events and the client that asks for runs."""
