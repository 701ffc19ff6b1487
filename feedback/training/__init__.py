"""Training: recipe, optimiser, loop, validation, noise in the loop, distillation."""
