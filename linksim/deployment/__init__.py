"""From a trained network to a UE: the largest network that fits a budget, its exported encoder, what it costs there."""
