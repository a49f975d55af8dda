"""Use cases, one verb each: the only writers of the store."""
