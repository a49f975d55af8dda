"""Rules, views, the offline store and the point-in-time join."""
