"""Ray-traced channels of a DeepMIMO v4 scenario folder."""
