"""How a network is trained: recipe, budget, optimiser, loop, validation, feedback noise, distillation, adaptation."""
