"""Every denoiser of received codewords at the BS, one per file."""
