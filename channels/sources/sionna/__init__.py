"""3GPP TR 38.901 channels (UMa, UMi, RMa, InH, InF, CDL, TDL), drawn by Sionna."""
