"""Read queries by noun: plain SQL over a `Reader`, frozen rows out; light enough for the first frame."""
