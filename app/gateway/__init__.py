"""The gateway: answers prediction requests on loopback, behind the workspace's token."""
