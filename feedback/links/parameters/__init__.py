"""Parameters of every link, one file for each of those in the folder above; without PyTorch."""
