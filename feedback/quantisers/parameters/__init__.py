"""Parameters of every quantiser, one file for each of those in the folder above; without PyTorch."""
