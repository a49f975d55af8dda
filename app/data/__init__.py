"""Sources, snapshots, contracts and quarantine."""
