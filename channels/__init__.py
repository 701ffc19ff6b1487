"""Where downlink channels come from and what the UE makes of them."""
