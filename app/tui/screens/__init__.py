"""One screen a place, and the run that a row of Runs opens."""
