"""The supervisor of the services, file events, leases and healing."""
