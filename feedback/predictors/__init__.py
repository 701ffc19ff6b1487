"""Every predictor of the channel at the BS from past reports, one per file: hold, autoregressive, Kalman."""
