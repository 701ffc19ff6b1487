"""What a scenario says of a plug-in, as a model that every kind of plug-in extends."""

from pydantic import BaseModel, ConfigDict


class PluginSection(BaseModel):
    """Base of the sections of plug-ins: unknown keys, NaN and infinities are errors."""

    # Built when a scenario names it, as one names few.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
