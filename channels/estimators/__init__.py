"""Channel estimation at the UE: pilots, least squares, interpolation between pilots, symbol timing."""
