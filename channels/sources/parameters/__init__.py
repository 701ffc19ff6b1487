"""Parameters of every source, one file for each of those in the folder above; without PyTorch."""
