"""Parameters of every compressor, one file for each of those in the folder above; without PyTorch."""
