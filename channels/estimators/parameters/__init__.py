"""Parameters of every estimator, one file for each of those in the folder above; without PyTorch."""
