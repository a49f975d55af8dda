"""Work in a child process with limits of time and memory: what hangs, dies or takes too much there ends there."""
