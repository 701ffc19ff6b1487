"""Recipes that hold where nothing else is said: of a few hundred thousand channels, found by trying.

What was tried, and what it gave: ``docs/studies/training.md``.
"""

from feedback.training.recipe import TrainingRecipe

# Muon, larger steps for kernels than for FC layers, and an average that evens out what batch statistics of few sparse
# images do to a network that is far from linear. The rate is held, as a cosine lets go too early.
DRAWN_RECIPE = TrainingRecipe(
    optimiser="muon",
    muon_kernels=True,
    batch_size=50,
    learning_rate=6e-3,
    fc_rate_ratio=0.4,
    warmup=0.05,
    warmup_steps=300,
    ema_decay=0.97,
    schedule="hold",
    validations=20,
)
# A start that works already is left by full steps before it is improved on, where there are few, or where it is good.
KLT_RECIPE = DRAWN_RECIPE.model_copy(
    update={
        "learning_rate": 2e-2,
        "largest_move": 0.1,
        "full_rate_steps": 2000,
        "full_rate_nmse_db": -14.0,
        "batch_statistics_nmse_db": -20.0,
        "relative_norm_steps": True,
        "step_back_db": 1.0,
    }
)
# Of another channel even good weights have much to learn, at full rate however few the steps. Statistics of norms come
# to it before the weights do, which costs dB that no smaller step would save.
ADAPTATION_RECIPE = KLT_RECIPE.model_copy(update={"full_rate_steps": None, "step_back_db": None})
