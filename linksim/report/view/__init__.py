"""How a run looks: style, axes, names, numbers."""
