"""From a trained network to a UE: the network that fits, its encoder, what it costs."""
