"""How a run is shown: axes, names, colours and markers, number format, limits, ticks, which result is marked best."""
