"""Looking for the best learner and its hyperparameters: folds, spaces, trials in a child process, and the rules."""
