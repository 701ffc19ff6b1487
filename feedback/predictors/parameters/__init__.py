"""Parameters of every predictor, one file for each of those in the folder above; without PyTorch."""
