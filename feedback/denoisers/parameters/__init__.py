"""Parameters of every denoiser, one file for each of those in the folder above; without PyTorch."""
