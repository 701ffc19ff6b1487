"""Where training starts: networks that do what the KLT does."""
