"""Tables, sessions, migrations, artifacts, audit: the only state that processes share."""
