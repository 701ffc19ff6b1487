"""Transform coding: coefficients on the axes of one or several components, quantised and entropy-coded."""
